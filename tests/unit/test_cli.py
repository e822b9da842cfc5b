"""The pure parts of the command line: errors, exit codes, ports, queries, settings."""

import json
import signal
import socket
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from app.adapters.manifest import Manifest
from app.adapters.training.output import check_output
from app.cli import explain, search
from app.cli.connection import Service, connect
from app.cli.failures import exit_code, line_of
from app.cli.learning.examples import read_examples
from app.cli.learning.pairs import check_sides
from app.cli.listening import take_port
from app.cli.running_service import place_of, signals_stop
from app.cli.screen import Screen, plain
from app.cli.settings import quiet, read_settings
from app.domain.errors import (
    Conflict,
    EncoderNotFound,
    Invalid,
    Misconfigured,
    NotFound,
    StoreUnavailable,
    Unavailable,
    VitrineError,
)
from app.domain.held_out import held_out_rule


def answered(response: httpx.Response) -> VitrineError:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: response), base_url="http://service")
    with pytest.raises(VitrineError) as caught:
        Service(client, private=False).get("/")
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "ends"),
    [
        (404, "unknown_catalog", 2),
        (409, "schema_change", 2),
        (422, "bad_filter", 2),
        (503, "encoder_not_found", 2),
        (503, "fingerprint_mismatch", 2),
        (503, "store_unavailable", 1),
        (500, "internal", 1),
    ],
)
def test_an_answer_that_is_no_success_keeps_its_code_and_decides_the_exit_code(
    status: int, code: str, ends: int
) -> None:
    error = answered(httpx.Response(status, json={"code": code, "detail": "so it is", "status": status}))
    assert (error.code, error.detail, exit_code(error)) == (code, "so it is", ends)


def test_an_answer_of_something_between_is_told_by_its_status() -> None:
    error = answered(httpx.Response(502, text="<html>Bad gateway</html>"))
    assert isinstance(error, Unavailable)
    assert line_of(error) == "the service answered 502 Bad Gateway [http_502]"


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ([], ""),
        (["image"], "the answer is incomplete: it goes without the image leg\n"),
        (["image", "keyword"], "the answer is incomplete: it goes without the image and the keyword leg\n"),
    ],
)
def test_an_answer_without_a_leg_says_so_in_a_line(
    left_out: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    total = {"value": 0, "exact": False, "scope": "candidates"}
    answer = {"hits": [], "total": total, "timings_ms": {"total": 1.0}, "degraded": left_out}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    service = Service(httpx.Client(transport=transport, base_url="http://service"), private=False)
    monkeypatch.setattr(search, "connect", lambda *_, **__: nullcontext(service))
    search.search("mug", json=True)
    shown = capsys.readouterr()
    assert json.loads(shown.out)["degraded"] == left_out
    assert shown.err == f"{said}0 of 0 candidates in 1 ms\n"


def test_an_explanation_without_a_leg_says_so_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"product_id": "p", "reason": "leg_left_out", "detail": "no leg", "legs": {}, "conditions": []}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={**told, "degraded": ["image"]}))
    service = Service(httpx.Client(transport=transport, base_url="http://service"), private=False)
    monkeypatch.setattr(explain, "connect", lambda *_, **__: nullcontext(service))
    explain.explain("p", "mug")
    shown = capsys.readouterr()
    assert shown.out == "p: leg left out: no leg\n"
    assert "the answer is incomplete: it goes without the image leg\n" in shown.err


@pytest.mark.parametrize(
    ("code", "command"),
    [("being_tuned", "`vitrine builds show BUILD`"), ("dry_run_unfinished", "`vitrine builds abort BUILD`")],
)
def test_what_another_work_keeps_waiting_is_told_with_the_command_that_helps(code: str, command: str) -> None:
    assert command in line_of(Conflict("build b is under way", code=code))


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (Misconfigured("held", code="data_held"), 2),
        (EncoderNotFound("no hub"), 2),
        (NotFound("no manifest"), 2),
        (StoreUnavailable("away"), 1),
        (Unavailable("refused", code="service_unreachable"), 2),
    ],
)
def test_wrong_use_ends_with_2_and_failed_work_with_1(error: VitrineError, ends: int) -> None:
    assert exit_code(error) == ends


def test_a_line_says_what_is_wrong_its_code_and_what_to_do() -> None:
    line = line_of(Unavailable("http://x does not answer", code="service_unreachable"))
    assert line.startswith("http://x does not answer [service_unreachable]")
    assert "vitrine serve" in line


def test_what_strangers_write_reaches_the_terminal_as_text_alone() -> None:
    assert plain("[red]Mug[/red] \x1b[2J\ud800").plain == "[red]Mug[/red]  [2J "


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, "-"),
        (["S", "M"], "S, M"),
        ({"nlist": 1, "flags": [True]}, "nlist 1, flags true"),
        (9.5, "9.5"),
    ],
)
def test_values_are_shown_as_people_write_them(value: Any, text: str) -> None:
    assert plain(value).plain == text


@pytest.mark.parametrize(
    ("database_url", "place"),
    [
        ("", "data in {data}"),
        ("postgresql://shop:secret@db.example:5432/vitrine", "database vitrine on db.example"),
        ("postgresql:///vitrine", "database vitrine on this machine"),
    ],
)
def test_a_service_says_where_products_are_kept_and_no_password(
    tmp_path: Path, database_url: str, place: str
) -> None:
    settings = read_settings(data=tmp_path, database_url=database_url)
    assert place_of(settings) == place.format(data=tmp_path)


# --- where the service is


def test_an_encoder_cannot_be_chosen_for_a_service_elsewhere() -> None:
    with (
        pytest.raises(Invalid, match="vitrine serve"),
        connect(Screen(json=True), url="http://x", data=None, encoder="m"),
    ):
        pass


def test_a_url_that_is_none_is_refused() -> None:
    with (
        pytest.raises(Invalid, match="http://host:port"),
        connect(Screen(json=True), url="localhost:8000", data=None),
    ):
        pass


def test_a_data_directory_beside_a_url_is_wrong_use(tmp_path: Path) -> None:
    told = "http://127.0.0.1:8000"
    with (
        pytest.raises(Invalid, match="--data") as caught,
        connect(Screen(json=True), url=told, data=tmp_path),
    ):
        pass
    assert (caught.value.code, exit_code(caught.value)) == ("usage", 2)


def test_the_data_directory_of_the_environment_may_stand_beside_a_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_DATA", str(tmp_path))
    with connect(Screen(json=True), url="http://127.0.0.1:8000", data=None) as service:
        assert not service.private


# --- settings


def test_options_win_over_the_environment_and_absent_ones_leave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_PORT", "9000")
    monkeypatch.setenv("VITRINE_HOST", "::1")
    settings = read_settings(port=9001, host=None)
    assert (settings.port, settings.host) == (9001, "::1")


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_PORT", "many")
    with pytest.raises(Misconfigured, match="VITRINE_PORT"):
        read_settings()
    monkeypatch.delenv("VITRINE_PORT")
    monkeypatch.setenv("VITRINE_URL_PORTS", "80,443")
    with pytest.raises(Misconfigured, match="url_ports"):
        read_settings()


def test_a_model_directory_is_named_whole_and_a_hub_name_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    assert read_settings(encoder="model").encoder == str(tmp_path / "model")
    assert read_settings(encoder="owner/model").encoder == "owner/model"


def test_commands_log_warnings_alone_unless_a_level_is_asked_for() -> None:
    assert quiet(read_settings()).log_level == "WARNING"
    assert quiet(read_settings(log_level="DEBUG")).log_level == "DEBUG"


# --- the port


def test_an_address_that_others_can_reach_is_refused_unless_that_is_meant() -> None:
    with pytest.raises(Misconfigured) as caught:
        take_port("0.0.0.0", 8000, allow_unauthenticated=False)
    assert caught.value.code == "not_loopback"


def test_a_host_that_is_none_is_refused() -> None:
    with pytest.raises(Misconfigured) as caught:
        take_port("256.1.1.1.invalid.", 8000, allow_unauthenticated=False)
    assert caught.value.code == "bad_address"


# --- what is learned from


def examples_of(tmp_path: Path, text: str, chosen: tuple[str, ...] = ()) -> Any:
    (tmp_path / "m.csv").write_text(text)
    with Manifest(tmp_path / "m.csv") as manifest:
        return read_examples(manifest, held_out_rule("split=b"), chosen)


def test_an_example_has_its_title_first_then_the_other_wordings(tmp_path: Path) -> None:
    text = "product_id,title,description,image,colour,split\np,Mug,Holds tea.,p.jpg,red,a\nq,Cup,,q.jpg,,b\n"
    first, second = examples_of(tmp_path, text, ("colour",)).found
    assert first.captions == ("Mug", "Mug. red", "Mug. Holds tea", "Mug. Holds tea. red")
    assert second.captions == ("Cup",)
    assert (first.held_out, second.held_out) == (False, True)


def test_rows_without_a_picture_are_passed_over_and_those_that_need_a_network_are_listed(tmp_path: Path) -> None:
    text = "product_id,title,image\np,Mug,\nq,Cup,http://shop.example/q.jpg\nr,Jar,r.jpg\ns,,s.jpg\n"
    examples = examples_of(tmp_path, text)
    assert [example.product_id for example in examples.found] == ["r"]
    assert [(error["product_id"], error["code"]) for error in examples.errors] == [
        ("q", "image_not_local"),
        ("s", "empty_title"),
    ]


def test_a_manifest_that_nothing_can_be_learned_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="picture"):
        examples_of(tmp_path, "product_id,title\np,Mug\n")
    with pytest.raises(Invalid, match="'size'"):
        examples_of(tmp_path, "product_id,title,image\np,Mug,p.jpg\n", ("size",))


@pytest.mark.parametrize(
    "text",
    [
        "a,A,a.jpg,b\nb,B,b.jpg,b\n",
        "a,A,a.jpg,a\nb,B,b.jpg,a\n",
        "a,A,a.jpg,a\nb,B,b.jpg,b\n",
    ],
    ids=["all held out", "none held out", "one to learn from"],
)
def test_too_few_rows_on_either_side_are_told_of_before_a_picture_is_read(tmp_path: Path, text: str) -> None:
    examples = examples_of(tmp_path, "product_id,title,image,split\n" + text)
    with pytest.raises(Invalid, match="--held-out") as caught:
        check_sides(examples.found)
    assert caught.value.code == "bad_held_out"


def test_a_directory_that_no_training_can_end_in_is_told_of_at_once(tmp_path: Path) -> None:
    check_output(tmp_path / "new" / "model")
    (tmp_path / "config.json").touch()
    with pytest.raises(Misconfigured, match="holds a model already"):
        check_output(tmp_path)
    with pytest.raises(Misconfigured, match=r"config.json is a file: name a directory with --out"):
        check_output(tmp_path / "config.json" / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json"]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_comes_before_the_server_listens_to_signals_stops_it(sent: signal.Signals) -> None:
    server = uvicorn.Server(uvicorn.Config(FastAPI(), lifespan="off", log_config=None))
    former = signal.getsignal(sent)
    with socket.create_server(("127.0.0.1", 0)) as bound, signals_stop(server):
        signal.raise_signal(sent)
        server.run(sockets=[bound])
    assert signal.getsignal(sent) is former
