"""Encoders as strangers see them: by name, and not by where they lie."""

import pytest

from tests.fakes.encoders import spec


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/srv/secret/models/shoes-v2", "shoes-v2"),
        ("/srv/secret/models/shoes-v2/", "shoes-v2"),
        ("../models/shoes-v2", "shoes-v2"),
        ("~/shoes-v2", "shoes-v2"),
        ("shoes-v2", "shoes-v2"),
        ("laion/CLIP-ViT-B-32@1a25a44", "laion/CLIP-ViT-B-32@1a25a44"),
        ("laion/CLIP-ViT-B-32@refs/pr/1", "laion/CLIP-ViT-B-32@refs/pr/1"),
        ("laion/CLIP-ViT-B-32", "laion/CLIP-ViT-B-32"),
        (".", "."),
    ],
)
def test_of_a_directory_only_its_own_name_is_shown_and_a_hub_name_whole(name: str, shown: str) -> None:
    described = spec(name)
    assert (described.shown_name, described.name) == (shown, name)
