"""What the encoders in Hugging Face's layout do beyond the port: the library's vectors, towers apart, refusals."""

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel, VisionTextDualEncoderModel

from app.adapters.encoders.hugging_face import HuggingFaceEncoder, computing
from app.adapters.encoders.loader import HuggingFaceLoader
from app.domain.errors import (
    EncoderNotCached,
    EncoderNotFound,
    EncoderOutOfMemory,
    EncoderRefused,
    Misconfigured,
)
from app.services.encoders import Encoders
from tests.small_models import MAX_TOKENS, photo, write_clip, write_dual_encoder, write_other_dual_encoder

TEXTS = ["red mug", "a", "a striped sofa with four legs"]
REVISION = "0123456789abcdef0123456789abcdef01234567"
OF_THE_HUB = f"owner/model@{REVISION}"


def load(directory: Path) -> HuggingFaceEncoder:
    return HuggingFaceLoader(device="cpu", threads=1).load(str(directory))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def dual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dual_encoder(tmp_path_factory.mktemp("dual"))


@pytest.fixture(scope="module")
def other_dual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_other_dual_encoder(tmp_path_factory.mktemp("other"))


@pytest.fixture
def copied(clip: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clip, tmp_path / "model"))


def change_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def cosines(reference: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", reference, vectors) / np.linalg.norm(reference, axis=1)


@pytest.mark.parametrize(
    ("kind", "architecture"),
    [("clip", CLIPModel), ("dual", VisionTextDualEncoderModel), ("other_dual", VisionTextDualEncoderModel)],
)
def test_vectors_are_those_of_the_library(
    kind: str, architecture: type[CLIPModel], request: pytest.FixtureRequest
) -> None:
    directory: Path = request.getfixturevalue(kind)
    reference, encoder = architecture.from_pretrained(directory).eval(), load(directory)
    tokens = AutoTokenizer.from_pretrained(directory)(
        TEXTS, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
    )
    content = photo(70, 50, form="PNG")
    processed = CLIPImageProcessorPil.from_pretrained(directory)(Image.open(BytesIO(content)), return_tensors="pt")
    with torch.inference_mode():
        texts = reference.get_text_features(tokens["input_ids"], tokens["attention_mask"]).pooler_output
        seen = reference.vision_model(processed["pixel_values"]).pooler_output
        pictures = reference.visual_projection(seen.flatten(1))  # the library leaves a ResNet's as (n, width, 1, 1)
    assert cosines(texts.numpy(), encoder.encode_texts(TEXTS)).min() > 0.99999
    assert cosines(pictures.numpy(), encoder.encode_images([encoder.prepare(content)])).min() > 0.999


def test_a_clip_of_an_unusual_activation_is_computed_by_the_library(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    for part in ("text_config", "vision_config"):
        change_json(copied / "config.json", **{part: {**config[part], "hidden_act": "gelu_new"}})
    reference = CLIPModel.from_pretrained(copied).eval()
    short = ["red mug", "a"]
    tokens = AutoTokenizer.from_pretrained(copied)(short, padding=True, return_tensors="pt")
    with torch.inference_mode():
        texts = reference.get_text_features(tokens["input_ids"], tokens["attention_mask"]).pooler_output
    assert cosines(texts.numpy(), load(copied).encode_texts(short)).min() > 0.99999


@pytest.mark.parametrize("kind", ["clip", "dual", "other_dual"])
def test_a_long_text_is_cut_with_its_end_kept(kind: str, request: pytest.FixtureRequest) -> None:
    directory: Path = request.getfixturevalue(kind)
    encoder, tokenizer = load(directory), AutoTokenizer.from_pretrained(directory)
    long = "a striped sofa " * 40
    cut = tokenizer(long, truncation=True, max_length=MAX_TOKENS)["input_ids"]
    assert encoder.spec.max_tokens == len(cut) == MAX_TOKENS
    assert cut[-1] == tokenizer("a")["input_ids"][-1]
    other_end = long[:60] + "with something else after the cut"
    vectors = encoder.encode_texts([long, other_end, long[:-3]])
    assert np.allclose(vectors, vectors[0], atol=1e-6)


def test_the_tokenizer_may_say_fewer_tokens_than_the_tower_has_positions(copied: Path) -> None:
    change_json(copied / "tokenizer_config.json", model_max_length=7)
    assert load(copied).spec.max_tokens == 7


@pytest.mark.parametrize(("kept", "lost"), [("text", "picture"), ("picture", "text")])
def test_a_tower_is_loaded_without_the_other(copied: Path, kept: str, lost: str) -> None:
    prefixes = {"picture": ("vision_model.", "visual_projection."), "text": ("text_model.", "text_projection.")}
    weights = load_file(copied / "model.safetensors")
    half = {name: tensor for name, tensor in weights.items() if not name.startswith(prefixes[lost])}
    save_file(half, copied / "model.safetensors", metadata={"format": "pt"})
    encoder = load(copied)
    encode: dict[str, Callable[[], np.ndarray]] = {
        "text": lambda: encoder.encode_texts(TEXTS),
        "picture": lambda: encoder.encode_images([encoder.prepare(photo(60, 80))]),
    }
    assert len(encode[kept]()) > 0
    with pytest.raises(EncoderRefused, match=f"the {lost} tower"):
        encode[lost]()


@pytest.fixture
def sharded(clip: Path, copied: Path) -> Path:
    """The same weights in several files."""
    (copied / "model.safetensors").unlink()
    CLIPModel.from_pretrained(clip).save_pretrained(copied, max_shard_size="10KB")
    assert len(list(copied.glob("*.safetensors"))) > 1
    return copied


def test_weights_stored_in_half_precision_and_in_several_files_are_read(
    clip: Path, sharded: Path, tmp_path: Path
) -> None:
    half = write_clip(tmp_path / "half", dtype=torch.float16)
    expected = load(clip).encode_texts(TEXTS)
    assert np.array_equal(load(sharded).encode_texts(TEXTS), expected)
    assert cosines(expected, load(half).encode_texts(TEXTS)).min() > 0.9999


def test_the_fingerprint_stays_where_only_the_place_changes(clip: Path, copied: Path) -> None:
    assert load(copied).spec.fingerprint == load(clip).spec.fingerprint


@pytest.mark.parametrize("changed", ["weights", "config", "tokenizer", "preprocessing"])
def test_the_fingerprint_changes_with_whatever_changes_a_vector(clip: Path, copied: Path, changed: str) -> None:
    if changed == "weights":
        weights = load_file(copied / "model.safetensors")
        weights["text_projection.weight"][0, 0] += 1
        save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    elif changed == "config":
        config = json.loads((copied / "config.json").read_text())
        change_json(copied / "config.json", text_config={**config["text_config"], "hidden_act": "gelu"})
    elif changed == "tokenizer":
        change_json(copied / "tokenizer_config.json", model_max_length=9)
    else:
        change_json(copied / "preprocessor_config.json", image_mean=[0.4, 0.5, 0.5])
    assert load(copied).spec.fingerprint != load(clip).spec.fingerprint


def test_an_image_processor_described_beside_the_tokenizer_is_read(clip: Path, copied: Path) -> None:
    stated = json.loads((copied / "preprocessor_config.json").read_text())
    (copied / "preprocessor_config.json").unlink()
    (copied / "processor_config.json").write_text(json.dumps({"image_processor": stated}))
    assert load(copied).spec.fingerprint == load(clip).spec.fingerprint


@pytest.mark.parametrize(
    "stated",
    [
        {"do_resize": False},
        {"do_normalize": False},
        {"do_center_crop": False},
        {"size": {"height": 32, "width": 48}},
        {"size": {"longest_edge": 32}},
        {"crop_size": {"height": 40, "width": 40}},
        {"resample": 0},
        {"rescale_factor": 1},
        {"image_mean": None},
    ],
)
def test_a_preprocessing_that_is_not_done_here_is_refused(copied: Path, stated: dict[str, object]) -> None:
    change_json(copied / "preprocessor_config.json", **stated)
    with pytest.raises(EncoderRefused, match="preprocessing"):
        load(copied)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", None),
        ("config.json", "not json"),
        ("config.json", "{}"),
        ("config.json", '{"model_type": "bert"}'),
        ("config.json", '{"model_type": "one-that-brings-its-code", "auto_map": {"AutoModel": "code.Model"}}'),
        ("preprocessor_config.json", None),
        ("preprocessor_config.json", "not json"),
        ("preprocessor_config.json", "null"),
        ("tokenizer.json", "not json"),
        ("tokenizer_config.json", '{"model_max_length": "many"}'),
        ("model.safetensors", None),
        ("model.safetensors", "not safetensors"),
    ],
)
def test_a_directory_that_is_no_model_is_refused(copied: Path, file: str, content: str | None) -> None:
    if content is None:
        (copied / file).unlink()
    else:
        (copied / file).write_text(content)
    with pytest.raises(EncoderRefused) as refusal:
        load(copied).encode_texts(TEXTS)
    assert str(copied) in refusal.value.detail


@pytest.mark.parametrize(
    "content", ["", '{"weight_map": {"a": "model-0', "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 1}}']
)
def test_an_index_of_weights_that_is_torn_is_refused(sharded: Path, content: str) -> None:
    (sharded / "model.safetensors.index.json").write_text(content)
    with pytest.raises(EncoderRefused, match=r"cannot be read") as refusal:
        load(sharded)
    assert str(sharded) in refusal.value.detail


@pytest.mark.parametrize("instead", ["nothing", "what cannot be read"])
def test_weights_of_which_a_part_is_gone_are_refused(sharded: Path, instead: str) -> None:
    shard = min(sharded.glob("model-*.safetensors"))
    shard.unlink()
    if instead == "what cannot be read":
        shard.mkdir()
    with pytest.raises(EncoderRefused, match=shard.name):
        load(sharded)


def test_a_file_that_goes_while_it_is_read_makes_a_model_that_is_refused(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = Path.is_file

    def goes(path: Path) -> bool:
        found = listed(path)
        if path.name in {"merges.txt", "tokenizer.json"}:
            path.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Path, "is_file", goes)
    with pytest.raises(EncoderRefused, match="cannot be read"):
        load(copied)


@pytest.mark.parametrize("name", ["/" + 300 * "a", "~nobody-of-this-name/model"])
def test_a_name_that_no_directory_can_have_is_refused(name: str) -> None:
    with pytest.raises(EncoderRefused, match="cannot be read"):
        HuggingFaceLoader(device="cpu", threads=1).load(name)


def test_pickled_weights_are_refused_and_never_read(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(EncoderRefused, match="pickled"):
        load(copied)


def test_weights_of_another_shape_are_refused(copied: Path) -> None:
    change_json(copied / "config.json", projection_dim=21)
    with pytest.raises(EncoderRefused, match="cannot be loaded"):
        load(copied).encode_texts(TEXTS)


@pytest.mark.parametrize(
    "name", ["./nowhere", "/nowhere/at/all", "~/no/where", "a/b/c", "nowhere", "", "models/smal"]
)
def test_a_directory_that_does_not_exist_is_not_looked_for_on_the_hub(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EncoderNotFound, match=r"no such directory.*--encoder or VITRINE_ENCODER") as caught:
        HuggingFaceLoader(device="cpu", threads=1).load(name)
    assert "hub did not give" not in caught.value.detail


def test_a_revision_names_a_model_on_the_hub_whatever_folders_there_are(
    offline_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (offline_cache / "owner").mkdir()
    monkeypatch.chdir(offline_cache)
    with pytest.raises(EncoderNotFound, match="hub did not give"):
        HuggingFaceLoader(device="cpu", threads=1).load(OF_THE_HUB)


@pytest.fixture
def offline_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_a_hub_that_cannot_be_reached_says_what_to_do(offline_cache: Path) -> None:
    with pytest.raises(
        EncoderNotFound, match=r"copy the model's directory .*--encoder or VITRINE_ENCODER.*HF_HUB_OFFLINE=1"
    ):
        HuggingFaceLoader(device="cpu", threads=1).load(OF_THE_HUB)


def test_a_model_fetched_before_is_loaded_at_its_revision_without_a_network(clip: Path, offline_cache: Path) -> None:
    shutil.copytree(clip, offline_cache / "models--owner--model" / "snapshots" / REVISION)
    encoder = HuggingFaceLoader(device="cpu", threads=1).load(OF_THE_HUB)
    assert encoder.spec.name == OF_THE_HUB
    assert encoder.spec.fingerprint == load(clip).spec.fingerprint


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The addresses that were connected to: the hub is one where nobody listens."""
    addresses: list[object] = []

    def refuse(_: socket.socket, address: object) -> None:
        addresses.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return addresses


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_look_at_a_model_of_the_hub_asks_no_hub_and_sees_what_was_evicted(
    clip: Path, cache: Path, asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(load(clip).spec, name=OF_THE_HUB)
    encoders = Encoders(HuggingFaceLoader(device="cpu", threads=1), configured="nowhere")
    assert not encoders.check(spec)  # it is to be fetched: nothing says that it ever was on this machine
    snapshot = cache / "models--owner--model" / "snapshots" / REVISION
    shutil.copytree(clip, snapshot)
    assert encoders.check(spec)
    with monkeypatch.context() as offline:
        offline.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        encoders.of(spec)
    change_json(snapshot / "preprocessor_config.json", image_mean=[0.4, 0.5, 0.5])
    with pytest.raises(EncoderRefused, match="is not the one"):
        encoders.check(spec)
    shutil.rmtree(snapshot)
    with pytest.raises(EncoderNotCached, match=str(cache)):
        encoders.check(spec)
    assert asked == []


def test_a_model_that_may_not_be_fetched_is_missing_where_it_is_not_in_the_cache(
    clip: Path, offline_cache: Path
) -> None:
    encoders = Encoders(HuggingFaceLoader(device="cpu", threads=1), configured="nowhere")
    with pytest.raises(EncoderNotFound, match="HF_HUB_OFFLINE") as missing:
        encoders.check(replace(load(clip).spec, name=OF_THE_HUB))
    assert missing.value.code == "encoder_not_found"


def test_a_directory_that_could_be_a_name_on_the_hub_is_looked_at_like_any_other(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(clip, tmp_path / "models" / "mine")
    monkeypatch.chdir(tmp_path)
    encoders = Encoders(HuggingFaceLoader(device="cpu", threads=1), configured="nowhere")
    spec = encoders.named("models/mine").spec
    assert encoders.check(spec)
    shutil.rmtree(tmp_path / "models" / "mine")
    with pytest.raises(EncoderNotFound, match="no such directory"):
        encoders.check(spec)


def test_a_look_tells_what_loading_tells(clip: Path) -> None:
    loader = HuggingFaceLoader(device="cpu", threads=1)
    assert loader.look(str(clip)) == loader.load(str(clip)).spec


def test_a_batch_beyond_all_memory_is_named_as_such(clip: Path) -> None:
    endless = np.broadcast_to(np.zeros(3, dtype=np.uint8), (2**23, 2**23, 3))  # 211 TB, if it were copied
    with pytest.raises(EncoderOutOfMemory, match="fewer at a time"):
        load(clip).encode_images([endless])


def test_torch_running_out_of_memory_is_named_as_such() -> None:
    with pytest.raises(EncoderOutOfMemory), computing(3):
        torch.empty(2**47, dtype=torch.uint8)


def test_another_failure_is_not_taken_for_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="size"), computing(3):
        torch.zeros(2) + torch.zeros(3)


def test_settings_a_machine_cannot_serve_are_refused() -> None:
    with pytest.raises(Misconfigured, match="fp32"):
        HuggingFaceLoader(device="cpu", threads=1, precision="fp16")
    if not torch.cuda.is_available():
        with pytest.raises(Misconfigured, match="no GPU"):
            HuggingFaceLoader(device="cuda", threads=1)


def test_weights_are_read_again_only_once_they_were_written_again(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    digest = hashlib.file_digest

    def counted(opened: IO[bytes], algorithm: str) -> Any:
        read.append(Path(opened.name).name)
        return digest(opened, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    weights = copied / "model.safetensors"
    first, second = load(copied).spec, load(copied).spec
    assert (read.count(weights.name), first) == (1, second)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(0, 0))
    changed = load(copied).spec
    assert (read.count(weights.name), changed.fingerprint == first.fingerprint) == (2, False)
