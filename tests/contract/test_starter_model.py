"""The starter model, where it has been made: what it weighs, what it knows, and what exactly it computes."""

import csv
from pathlib import Path

import numpy as np
import pytest

from app.adapters.encoders.hugging_face import HuggingFaceEncoder
from app.adapters.encoders.loader import HuggingFaceLoader
from app.services.evaluate import evaluate
from scripts.sample_catalogue.catalogue import generate
from scripts.train_starter import STARTER
