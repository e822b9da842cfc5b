"""What the starter model says of itself."""

from app.domain.recall import Recall
from app.domain.training import TrainingSettings
from app.services.evaluate import Evaluation


def card(
    settings: TrainingSettings, *, seed: int, parameters: int, products: int, title: Evaluation, caption: Evaluation
) -> str:
    """The README of the starter model; `title` and `caption` are measured with those as the texts."""
    return f"""# The starter model

A small dual encoder that knows **only drawn products**: those of Vitrine's own sample catalogue. It lets the
demo show what search by words and by picture feels like, without a download. On photos it finds nothing of use:
for a real catalogue take an open hub model, or train one of your own with `vitrine train`.

- **Architecture**: `VisionTextDualEncoderModel`, a ResNet picture tower at {settings.picture_size} pixels and
  CLIP's text tower, {parameters / 1e6:.1f} million parameters stored as float16, {settings.dimension} dimensions.
- **Data**: {products:,} products drawn and worded by `scripts/sample_catalogue` with seed {seed}: no photos, no
  texts of other people. The demo's catalogue is drawn with another seed.
- **Training**: from scratch, at most {settings.epochs} epochs, symmetric InfoNCE. `python -m scripts.train_starter`
  makes it again.
- **Languages**: English, and of it the few hundred words that the sample catalogue uses.
- **Licence**: that of the project.

## Recall

Among {title.text_to_picture.queries:,} products whose combination of kind, colour and pattern was held out of
training. Some titles leave colour or pattern out, and combinations repeat, so that not every title has one answer;
a tie counts as lost.

| query | recall@1 | @5 | @10 | median rank |
|---|---|---|---|---|
{_row("title → picture", title.text_to_picture)}
{_row("title and description → picture", caption.text_to_picture)}
{_row("picture → title", title.picture_to_text)}
{_row("picture → title and description", caption.picture_to_text)}
"""


def _row(query: str, found: Recall) -> str:
    return f"| {query} | {found.at_1:.3f} | {found.at_5:.3f} | {found.at_10:.3f} | {found.median_rank:.0f} |"
