"""The `vitrine` command as people type it: real processes over a real data directory and a small trained model."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from app.adapters.postgres.engine import open_engine
from migrations.upgrade import upgrade
from tests.databases import own_database
from tests.services import free_port

VITRINE = Path(sys.executable).with_name("vitrine")
COLOURS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (40, 60, 200), "sand": (220, 200, 150)}
TIMEOUT_S = 90
STARTER = Path(__file__).parents[2] / "scripts" / "starter_model"


def run(*arguments: str | Path, url: str | None = None) -> tuple[int, Any, str]:
    """Run a command with --json: its exit code, the one document on stdout, and stderr."""
    process = start(*arguments, url=url)
    stdout, stderr = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, json.loads(stdout), stderr


def start(*arguments: str | Path, url: str | None = None, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    command = [VITRINE, *arguments, "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment(url))


def environment(url: str | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VITRINE_")}
    more = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "VITRINE_THREADS": "1"}
    # Neither how long a search takes on a busy machine nor what models of squares find says anything of a build.
    more |= {"VITRINE_GATE_SLOWER": "100", "VITRINE_GATE_DROP": "1"}
    return kept | more | ({"VITRINE_URL": url} if url else {})


def draw(folder: Path, count: int) -> Path:
    """A manifest of plain squares in four colours, each a little different."""
    (folder / "pictures").mkdir(parents=True)
    with (folder / "products.csv").open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["product_id", "title", "image", "colour", "price"])
        for number in range(count):
            name = list(COLOURS)[number % 4]
            drawn = random.Random(number)
            shade = tuple(value + drawn.randrange(-20, 20) for value in COLOURS[name])
            Image.new("RGB", (64, 64), shade).save(folder / "pictures" / f"{number}.png")
            writer.writerow([f"p{number}", f"{name} square {number}", f"pictures/{number}.png", name, number + 0.5])
    return folder / "products.csv"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("drawn"), 40)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> Path:
    out = tmp_path_factory.mktemp("model") / "small"
    options = ("--epochs", "1", "--batch", "16", "--threads", "1", "--picture-size", "32")
    code, report, _ = run("train", manifest, "--out", out, *options)
    assert (code, report["best"], report["errors"]) == (0, 1, [])
    assert report["epochs"][0]["text_to_picture"]["queries"] > 0
    return out


@contextmanager
def serving(data: Path, model: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A service that is up; killed at the end if it still runs."""
    options = ("--data", data, "--encoder", model, "--port", str(port))
    process = start("serve", *options, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        assert json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")["url"] == f"http://127.0.0.1:{port}"
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


def numbers(report: dict[str, Any]) -> dict[str, int]:
    return {name: report[name] for name in ("accepted", "indexed", "superseded", "dead")}


def test_eval_measures_the_held_out_rows_of_a_manifest(manifest: Path, model: Path) -> None:
    code, report, _ = run("eval", manifest, "--encoder", model, "--held-out", "colour=red")
    assert (code, report["products"], report["held_out"]) == (0, 10, 10)
    assert report["text_to_picture"]["queries"] == report["picture_to_text"]["queries"] == 10
    assert 0 <= report["text_to_picture"]["recall_at_1"] <= report["text_to_picture"]["recall_at_10"] <= 1


def test_a_manifest_goes_in_but_for_its_bad_rows_and_pictures(tmp_path: Path, manifest: Path, model: Path) -> None:
    pictures = manifest.parent / "pictures"
    (tmp_path / "broken.png").write_bytes(b"no picture at all")
    rows = [
        {"product_id": "good", "title": "A red square", "image": str(pictures / "0.png"), "price": 5},
        {"product_id": "words", "title": "No picture", "price": 7},
        {"product_id": "half", "title": "One is gone", "images": ["gone.png", str(pictures / "1.png")], "price": 6},
        {"product_id": "broken", "title": "Unreadable", "images": ["broken.png", str(pictures / "2.png")]},
        {"product_id": "gone", "title": "All are gone", "image": "gone.png"},
        {"product_id": "not an id", "title": "A bad id"},
        {"product_id": "untitled", "title": ""},
    ]
    source = tmp_path / "m.jsonl"
    source.write_text("\n".join(json.dumps(row) for row in rows) + "\nnot json\n")
    code, report, told = run("ingest", source, "--data", tmp_path / "data", "--encoder", model)
    assert code == 1
    assert numbers(report) == {"accepted": 4, "indexed": 4, "superseded": 0, "dead": 0}
    assert sorted((str(error["product_id"]), error["code"], error["lost"]) for error in report["errors"]) == [
        ("None", "bad_json", "product"),
        ("broken", "image_format", "picture"),
        ("gone", "image_missing", "product"),
        ("half", "image_missing", "picture"),
        ("not an id", "bad_id", "product"),
        ("untitled", "empty_title", "product"),
    ]
    assert (report["unchanged"], report["warnings"]) == (0, [])
    assert report["seconds"] > 0
    assert "price" in told and "number" in told  # the inferred types are shown
    assert "is encoded by" not in told  # the encoder is the one that was named


def test_a_service_is_asked_by_its_url_and_keeps_its_port_and_data_to_itself(
    tmp_path: Path, manifest: Path, model: Path, port: int
) -> None:
    url = f"http://127.0.0.1:{port}"
    data = tmp_path / "data"
    with serving(data, model, port) as service:
        code, report, _ = run("ingest", manifest, "--catalog", "squares", url=url)
        assert (code, numbers(report)) == (0, {"accepted": 40, "indexed": 40, "superseded": 0, "dead": 0})
        assert report["unchanged"] == 0
        again = run("ingest", manifest, "--catalog", "squares", url=url)
        assert (again[0], numbers(again[1])) == (0, numbers(report))
        assert again[1]["unchanged"] == 40

        cheap = json.dumps({"price": {"lt": 8}})
        code, answer, _ = run("search", "red square", "--catalog", "squares", "--filter", cheap, url=url)
        assert (code, {hit["product_id"] for hit in answer["hits"]}) == (0, {f"p{number}" for number in range(8)})
        code, answer, told = run("search", "--like", "p3", "--limit", "2", "--catalog", "squares", url=url)
        assert (code, len(answer["hits"])) == (0, 2)
        assert "--cursor" in told and answer["cursor"] not in told
        again = ("search", "--like", "p3", "--limit", "40", "--catalog", "squares", "--cursor", answer["cursor"])
        code, rest, told = run(*again, url=url)
        assert (code, len({hit["product_id"] for hit in answer["hits"] + rest["hits"]})) == (0, 39)
        assert "cursor" not in rest and "--cursor" not in told
        code, answer, _ = run("search", "red square", "--explain", "--limit", "1", "--catalog", "squares", url=url)
        assert (code, sorted(answer["hits"][0]["explain"]["legs"])) == (0, ["image", "keyword", "text"])
        code, told, _ = run("explain", "p9", "red square", "--filter", cheap, "--catalog", "squares", url=url)
        assert (code, told["reason"], told["detail"]) == (0, "filtered_out", "price is 9.5, asked: below 8")
        code, answer, told = run("search", "x", "--filter", '{"size": 3}', "--catalog", "squares", url=url)
        assert (code, answer["error"]["code"]) == (2, "unknown_attribute")
        code, answer, _ = run("search", "x", url=url)
        assert (code, answer["error"]["code"]) == (2, "unknown_catalog")

        code, status, _ = run("status", url=url)
        assert (code, status["status"]) == (0, "ok")
        assert [(found["name"], found["uploads"]["indexed"]) for found in status["catalogs"]] == [("squares", 40)]
        code, page, _ = run("uploads", "list", "--catalog", "squares", url=url)
        assert (code, len(page["uploads"])) == (0, 40)  # the second run added none
        code, receipt, _ = run("uploads", "show", page["uploads"][0]["upload_id"], url=url)
        assert (code, receipt["state"]) == (0, "indexed")
        code, answer, _ = run("uploads", "retry", receipt["upload_id"], url=url)
        assert (code, answer["error"]["code"]) == (2, "not_retryable")

        code, answer, told = run("status", "--data", data)
        assert (code, answer["error"]["code"]) == (2, "data_held")
        assert str(service.pid) in told and "--url" in told
        code, answer, told = run("serve", "--data", tmp_path / "other", "--port", str(port), "--encoder", model)
        assert (code, answer["error"]["code"]) == (2, "port_in_use")
        assert "--port" in told

        service.send_signal(signal.SIGTERM)
        assert service.wait(TIMEOUT_S) == 0
    code, answer, told = run("status", url=url)
    assert (code, answer["error"]["code"]) == (2, "service_unreachable")
    assert "vitrine serve" in told


def test_servers_that_are_away_are_told_of_at_the_start(tmp_path: Path, model: Path, postgres_url: str) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with own_database(postgres_url) as database_url:
        upgrade(engine := open_engine(database_url))
        engine.dispose()
        servers = {
            "VITRINE_DATABASE_URL": database_url,
            "VITRINE_BROKER_URL": f"redis://{nobody}/0",
            "VITRINE_MILVUS_URI": f"http://{nobody}",
            "VITRINE_BLOB_URL": str(tmp_path / "pictures"),
        }
        command = [VITRINE, "serve", "--encoder", model, "--port", str(free_port())]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment() | servers) as service:
            try:
                assert service.stderr is not None
                unwell: set[str] = set()
                for line in service.stderr:
                    unwell |= {name for name in ("vectors", "broker") if line.startswith(f"{name} is not well")}
                    if len(unwell) == 2:
                        break
                service.terminate()
                service.communicate(timeout=TIMEOUT_S)
            finally:
                service.kill()
    assert unwell == {"vectors", "broker"}


def test_commands_that_only_look_make_no_data_directory(tmp_path: Path) -> None:
    for command in (("status",), ("search", "mug"), ("uploads", "list")):
        code, answer, told = run(*command, "--data", tmp_path / "mistyped")
        assert (code, answer["error"]["code"]) == (2, "no_data")
        assert "--data" in told
    assert not (tmp_path / "mistyped").exists()


def test_a_model_directory_that_is_none_is_told_at_once(tmp_path: Path, port: int) -> None:
    (tmp_path / "empty").mkdir()
    code, answer, told = run(
        "serve", "--data", tmp_path / "data", "--port", str(port), "--encoder", tmp_path / "empty"
    )
    assert (code, answer["error"]["code"]) == (2, "encoder_refused")
    assert str(tmp_path / "empty") in told


def test_a_model_path_that_is_mistyped_is_not_looked_for_on_the_hub(tmp_path: Path, port: int) -> None:
    options = ("--data", tmp_path / "data", "--port", str(port), "--encoder", "./my-modle")
    code, answer, told = run("serve", *options)
    assert (code, answer["error"]["code"]) == (2, "encoder_not_found")
    assert "no such directory: ./my-modle" in told


def test_a_type_can_be_stated_and_one_slip_in_a_column_is_warned_of(tmp_path: Path, model: Path) -> None:
    source = tmp_path / "m.csv"
    rows = [f"p{number},Mug,{number}.5,S|M" for number in range(20)]
    source.write_text("product_id,title,price,sizes\n" + "\n".join([*rows, "bad,Bad,n/a,L"]) + "\n")
    options = ("--data", tmp_path / "data", "--encoder", model)
    code, report, told = run("ingest", source, *options)
    assert (code, report["indexed"], [warning["line"] for warning in report["warnings"]]) == (0, 21, [22])
    assert "--type price=number" in told
    stated = ("--catalog", "typed", "--type", "price=number", "--type", "sizes=keyword[]")
    code, report, _ = run("ingest", source, *options, *stated)
    assert (code, report["indexed"], report["warnings"]) == (1, 20, [])
    assert [(error["product_id"], error["code"]) for error in report["errors"]] == [("bad", "attribute_type")]
    query = ("--filter", '{"price": {"lt": 3}, "sizes": "M"}', "--catalog", "typed")
    assert len(run("search", *query, "--data", tmp_path / "data")[1]["hits"]) == 3


def test_an_empty_source_ends_with_2_and_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "header.csv").write_text("product_id,title\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder").mkdir()
    for name, error in [
        ("header.csv", "manifest_empty"),
        ("empty.csv", "manifest_columns"),
        ("folder", "manifest_empty"),
    ]:
        code, answer, _ = run("ingest", tmp_path / name, "--data", tmp_path / "data")
        assert (code, answer["error"]["code"]) == (2, error)
    assert not (tmp_path / "data").exists()


def test_a_finished_model_is_not_trained_over_and_nothing_is_read_for_it(manifest: Path, model: Path) -> None:
    code, answer, told = run("train", manifest, "--out", model)
    assert (code, answer["error"]["code"]) == (2, "misconfigured")
    assert "holds a model already" in told and "pictures" not in told


def test_no_held_out_picture_is_no_recall_of_zero(tmp_path: Path, model: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture at all")
    (tmp_path / "m.csv").write_text("product_id,title,image,split\np,Mug,broken.png,b\n")
    code, answer, told = run("eval", tmp_path / "m.csv", "--encoder", model, "--held-out", "split=b")
    assert (code, answer["error"]["code"]) == (2, "nothing_to_measure")
    assert "can be read" in told


def test_a_source_that_is_none_and_a_wrong_option_end_with_2(tmp_path: Path) -> None:
    code, answer, _ = run("ingest", tmp_path / "absent.csv", "--data", tmp_path / "data")
    assert (code, answer["error"]["code"]) == (2, "manifest_not_found")
    code, answer, _ = run("ingest", "--no-such-option")
    assert (code, answer["error"]["code"]) == (2, "usage")
    assert not (tmp_path / "data").exists()


def test_a_service_killed_in_the_middle_of_an_ingest_and_started_again_loses_nothing(
    tmp_path: Path, model: Path, port: int
) -> None:
    source, count = draw(tmp_path / "drawn", 300), 300
    url = f"http://127.0.0.1:{port}"
    with serving(tmp_path / "data", model, port) as service:
        client = start("ingest", source, url=url)
        try:
            wait_for(url, lambda uploads: sum(uploads.values()) >= 100)
            service.kill()
            service.wait()
            with serving(tmp_path / "data", model, port):
                stdout, stderr = client.communicate(timeout=TIMEOUT_S)
                counts = wait_for(url, lambda uploads: uploads["indexed"] == count)
        finally:
            client.kill()
            client.wait()
    assert client.returncode == 0, stderr
    assert numbers(json.loads(stdout)) == {"accepted": count, "indexed": count, "superseded": 0, "dead": 0}
    assert "trying again" in stderr
    assert sum(counts.values()) == count


def test_an_interrupted_ingest_says_what_was_accepted_and_the_next_one_finishes(tmp_path: Path, model: Path) -> None:
    source, count = draw(tmp_path / "drawn", 1_000), 1_000  # seconds of work, however late the signal comes
    data = tmp_path / "data"
    client = start("ingest", source, "--data", data, "--encoder", model)
    assert client.stderr is not None
    next(line for line in client.stderr if "created catalog" in line)
    client.send_signal(signal.SIGINT)
    stdout, _ = client.communicate(timeout=TIMEOUT_S)
    report = json.loads(stdout)
    assert client.returncode == 1
    assert [error["code"] for error in report["errors"]] == ["interrupted"]
    code, report, _ = run("ingest", source, "--data", data)
    assert (code, numbers(report)) == (0, {"accepted": count, "indexed": count, "superseded": 0, "dead": 0})


def test_another_model_is_built_promoted_and_taken_back(
    tmp_path: Path, manifest: Path, model: Path, port: int
) -> None:
    url = f"http://127.0.0.1:{port}"
    with serving(tmp_path / "data", model, port):
        assert run("ingest", manifest, url=url)[0] == 0
        code, listed, _ = run("builds", "list", url=url)
        (first,) = listed["builds"]
        assert (code, first["state"], first["indexed"]) == (0, "live", 40)
        code, estimate, told = run("builds", "start", "--encoder", STARTER, "--dry-run", url=url)
        assert (code, estimate["products"], estimate["stored"], estimate["fits"]) == (0, 40, 0, True), told
        assert (estimate["pictures_to_encode"], estimate["captions_to_encode"]) == (40, 40)
        assert estimate["encoding_seconds"] <= estimate["seconds"] < 60
        (judged := tmp_path / "judged.csv").write_text("text,product_id,grade\nred square,p0,2\nred square,p4,1.5\n")
        code, kept, _ = run("queries", "judge", judged, url=url)
        assert (code, kept["judged"]) == (0, [{"text": "red square", "products": {"p0": 2, "p4": 1.5}}])
        code, built, told = run("builds", "start", "--encoder", STARTER, url=url)
        assert (code, built["state"], built["indexed"], built["report"]["passed"]) == (0, "ready", 40, True), told
        assert built["estimate"]["stored"] == 8  # a tenth of each was the dry run's sample
        assert "nDCG@10 of judged queries" in {check["name"] for check in built["report"]["checks"]}
        assert built["events"][-1]["told"]["estimated_seconds"] == built["estimate"]["seconds"]
        code, answer, _ = run("builds", "check", built["id"], url=url)
        assert (code, answer["events"][-1]["what"]) == (0, "checked")
        assert run("search", "red square", url=url)[1]["build"]["id"] == first["id"]
        assert run("builds", "promote", built["id"], url=url)[1]["state"] == "live"
        code, answer, _ = run("search", "red square", url=url)
        assert (code, answer["build"]["id"], len(answer["hits"])) == (0, built["id"], 20)
        code, answer, _ = run("builds", "rollback", url=url)
        assert (code, answer["id"], answer["state"]) == (0, first["id"], "live")
        code, answer, _ = run("builds", "promote", built["id"], "--force", url=url)
        assert (code, answer["error"]["code"]) == (2, "reason")
        code, answer, _ = run("builds", "start", "--param", "M=sixteen", url=url)
        assert (code, answer["error"]["code"]) == (2, "usage")
        code, answer, _ = run("builds", "start", "--index", "FLAT", "--no-wait", url=url)
        assert (code, answer["state"]) == (0, "building")
        code, answer, _ = run("builds", "abort", answer["id"], url=url)
        assert (code, answer["state"]) == (0, "aborted")


def test_what_is_searched_for_is_kept_until_it_is_forgotten(tmp_path: Path, manifest: Path, model: Path) -> None:
    data = tmp_path / "data"
    assert run("ingest", manifest, "--data", data, "--encoder", model)[0] == 0
    for words in ("red square", "blue square", "red square"):
        assert run("search", words, "--filter", '{"price": {"lt": 30}}', "--data", data)[0] == 0
    code, kept, _ = run("queries", "list", "--data", data)
    assert code == 0
    assert [(one["query"]["text"], one["asked"]) for one in kept["recorded"]] == [
        ("red square", 2),
        ("blue square", 1),
    ]
    for lines, told in (("text,product_id\n", "no column grade"), ("text,product_id,grade\nx,p0,good\n", "line 2")):
        (judged := tmp_path / "judged.csv").write_text(lines)
        code, answer, _ = run("queries", "judge", judged, "--data", data)
        assert (code, answer["error"]["code"], told in answer["error"]["detail"]) == (2, "judged_file", True)
    assert run("queries", "judge", tmp_path / "none.csv", "--data", data)[1]["error"]["code"] == "judged_file"
    assert run("queries", "forget", "--data", data)[1] == {"forgotten": 2}
    assert run("queries", "list", "--data", data)[1] == {"recorded": [], "judged": []}


def test_search_parameters_are_found_stored_and_drawn(tmp_path: Path, manifest: Path, model: Path) -> None:
    data, curve = tmp_path / "data", tmp_path / "curve.png"
    assert run("ingest", manifest, "--data", data, "--encoder", model)[0] == 0
    code, told, _ = run("tune", "--data", data)
    assert (code, told["bands"], told["reached"]) == (0, [], True)
    assert "looks at every row" in told["nothing"]
    code, built, _ = run("builds", "start", "--index", "IVF_FLAT", "--param", "nlist=8", "--data", data)
    assert (code, built["state"]) == (0, "ready")
    asked = ("tune", built["id"], "--recall", "1")
    code, told, _ = run(*asked, "--compare", "HNSW", "--compare", "IVF_PQ", "--data", data)
    assert (code, told["build"], told["reached"], told["recall"]) == (0, built["id"], True, 1.0)
    assert ["passed_over" in one for one in told["compared"]] == [False, True]
    code, shown, _ = run("builds", "show", built["id"], "--data", data)
    assert (code, "tuned" in shown, told["stored"]) == (0, False, False)  # it was only a look
    code, told, _ = run(*asked, "--png", curve, "--data", data)
    assert 1 <= told["bands"][0]["search_params"]["nprobe"] <= 8
    with Image.open(curve) as drawn:
        assert (drawn.format, drawn.width) == ("PNG", 960)
    code, shown, _ = run("builds", "show", built["id"], "--data", data)
    assert (code, told["stored"]) == (0, True)
    assert shown["tuned"].items() <= told.items()
    assert "searched" in shown
    code, put_back, _ = run("tune", built["id"], "--reset", "--data", data)
    assert (code, put_back["reset"]) == (0, True)
    assert [(one["now"], one["before"]) for one in told["changes"]] == [
        (one["before"], one["now"]) for one in put_back["changes"]
    ]
    code, shown, _ = run("builds", "show", built["id"], "--data", data)
    assert not {"tuned", "searched"} & shown.keys()
    code, put_back, _ = run("tune", built["id"], "--reset", "--data", data)
    assert (code, put_back) == (0, {"build": built["id"], "reset": False, "changes": []})
    code, answer, _ = run("tune", built["id"], "--reset", "--dry-run", "--data", data)
    assert (code, answer["error"]["code"]) == (2, "usage")
    code, answer, _ = run("tune", "--compare", "NONE", "--data", data)
    assert (code, answer["error"]["code"]) == (2, "index_type")
    code, answer, _ = run("tune", "none", "--data", data)
    assert (code, answer["error"]["code"]) == (2, "unknown_build")


def test_a_lost_vector_store_is_written_anew_without_a_model(tmp_path: Path, manifest: Path, model: Path) -> None:
    data = tmp_path / "data"
    assert run("ingest", manifest, "--data", data, "--encoder", model)[0] == 0
    rows = 80  # a caption and a picture of each
    clean = {"rows": rows, "missing": 0, "orphaned": 0, "stale": 0, "unsearchable": 0, "repaired": 0}
    code, told, _ = run("reconcile", "--data", data)
    (build,) = told.pop("builds")
    assert (code, told, build) == (0, clean, {"id": build["id"], **clean})
    shutil.rmtree(data / "milvus.db")
    code, told, _ = run("search", "red square", "--data", data)
    assert (code, told["error"]["code"]) == (1, "index_lost")
    assert "vitrine reconcile" in told["error"]["detail"]
    code, told, _ = run("reconcile", "--dry-run", "--data", data)
    assert (code, told["missing"], told["repaired"]) == (0, rows, 0)
    code, told, _ = run("reconcile", "--data", data)
    assert (code, told["missing"], told["repaired"]) == (0, rows, rows)
    code, told, _ = run("search", "red square", "--data", data)
    assert (code, len(told["hits"])) == (0, 20)
    code, told, _ = run("reconcile", "--dry-run", "--catalog", "none", "--data", data)
    assert (code, told["error"]["code"]) == (2, "unknown_catalog")


def wait_for(url: str, reached: Any) -> dict[str, int]:
    """The counts of the catalog's uploads by state, once they are what is waited for."""
    until = time.monotonic() + TIMEOUT_S
    with httpx.Client(base_url=url) as client:
        while time.monotonic() < until:
            answer = client.get("/v1/catalogs/default")
            if answer.is_success and reached(answer.json()["uploads"]):
                return dict(answer.json()["uploads"])
            time.sleep(0.02)
    raise AssertionError("waited in vain")
