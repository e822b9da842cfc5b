"""A model of ViT-B/32 shape with random weights: it finds nothing, and costs what a real one costs.

`python -m scripts.bench.clip_shaped OUT` writes 600 MB. The vocabulary is that of CLIP's size, made up of words that
mean nothing: speed and memory depend on its size alone.
"""

import argparse
import itertools
import string
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTextConfig, CLIPTokenizer

MAX_TOKENS = 77


def main() -> None:
    """Write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    write(parser.parse_args().out)


def write(out: Path) -> None:
    """Write a model directory that `VITRINE_ENCODER` may name."""
    text = CLIPTextConfig(max_position_embeddings=MAX_TOKENS)  # the defaults are ViT-B/32's
    pieces = _pieces(text.vocab_size)
    tokenizer = CLIPTokenizer({piece: number for number, piece in enumerate(pieces)}, [], model_max_length=MAX_TOKENS)
    text.bos_token_id, text.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
    torch.manual_seed(0)
    CLIPModel(CLIPConfig(text_config=text.to_dict(), projection_dim=512)).save_pretrained(out)
    tokenizer.save_pretrained(out)
    CLIPImageProcessorPil(size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224}).save_pretrained(out)


def _pieces(size: int) -> list[str]:
    """Every printable character, alone and at the end of a word, then made-up words, then the two marks."""
    alphabet = list(string.printable.strip())
    words = ("".join(letters) + "</w>" for letters in itertools.product(string.ascii_lowercase, repeat=4))
    made = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    made += itertools.islice(words, size - len(made) - 2)
    return [*made, "<|startoftext|>", "<|endoftext|>"]


if __name__ == "__main__":
    main()
