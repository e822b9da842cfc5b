"""A tokenizer learned from captions."""

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

# In this order [SEP] has the number 1: a CLIP whose last token has the number 2 is taken for one from before 2023.
_SPECIAL = {"pad_token": "[PAD]", "sep_token": "[SEP]", "cls_token": "[CLS]"}


def learn_tokenizer(captions: Iterable[str], *, vocabulary: int, max_tokens: int) -> PreTrainedTokenizerFast:
    """Learn lower-cased byte pairs (Sennrich et al. 2016), at most `vocabulary` tokens, of which 256 are the bytes.

    No text is unknown to it. A text is cut to `max_tokens`, which count the [CLS] and [SEP] around it. The same
    captions give the same tokenizer, as the library's WordPiece does not: it numbers letters in an order of chance.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(_SPECIAL.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(captions, trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call] # the library's
        tokenizer_object=tokenizer, model_max_length=max_tokens, **_SPECIAL
    )
