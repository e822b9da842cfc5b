"""Real catalogues go in whole, and filters select what their own data says."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("VITRINE_SHARED_DATA", ROOT.parent / "shared" / "data"))
MODEL = ROOT / "scripts" / "starter_model"  # it knows nothing of these pictures; what is found is not the point here

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not (SHARED / "eshop").is_dir(), reason="the real catalogues are not beside the checkout"),
]


def vitrine(*arguments: str | Path) -> Any:
    command = [Path(sys.executable).with_name("vitrine"), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manifests")
    command = [sys.executable, "-m", "scripts.bench.fashion_manifest", folder, "--data", SHARED]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return folder


def test_every_product_of_the_outdoor_shop_is_indexed_and_price_and_brand_filter_it(
    manifests: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    report = vitrine("ingest", manifests / "eshop.csv", "--data", data, "--encoder", MODEL)
    assert (report["accepted"], report["indexed"], report["dead"], report["errors"]) == (101, 101, 0, [])

    catalogue = json.loads((SHARED / "eshop" / "catalog.json").read_text(encoding="utf-8"))
    brand = catalogue[0]["Brand"]
    expected = sorted(str(one["Id"]) for one in catalogue if one["Brand"] == brand and 50 <= one["Price"] < 100)
    assert expected
    where = json.dumps({"brand": brand, "price": {"gte": 50, "lt": 100}})
    browsed = vitrine("search", "--filter", where, "--limit", "100", "--data", data)
    assert browsed["total"] == {"value": len(expected), "exact": True, "scope": "catalog"}
    assert sorted(hit["product_id"] for hit in browsed["hits"]) == expected
    found = vitrine("search", "something for the mountains", "--filter", where, "--limit", "100", "--data", data)
    assert sorted(hit["product_id"] for hit in found["hits"]) == expected


def test_real_photos_of_the_fashion_shop_go_in_and_a_second_run_changes_nothing(
    manifests: Path, tmp_path: Path
) -> None:
    arguments = ("ingest", manifests / "fashion-224.csv", "--limit", "60", "--data", tmp_path / "data")
    first = vitrine(*arguments, "--encoder", MODEL)
    assert (first["accepted"], first["indexed"], first["dead"], first["errors"]) == (60, 60, 0, [])
    again = vitrine(*arguments, "--encoder", MODEL)
    assert first["unchanged"] == 0
    assert {**again, "seconds": 0} == {**first, "seconds": 0, "unchanged": 60}
    status = vitrine("status", "--data", tmp_path / "data")
    assert status["catalogs"][0]["uploads"]["indexed"] == 60
