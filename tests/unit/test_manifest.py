"""Reading manifests: good rows, bad rows, and where their pictures are."""

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.adapters.manifest import BadRow, FilePicture, Manifest, ManifestRow, UrlPicture
from app.domain.errors import Invalid, NotFound, TooLarge
from app.domain.inference import infer_schema
from app.domain.pictures import MAX_PICTURE_BYTES
from app.domain.products import AttributeType, Schema


def read(path: Path, content: str | bytes | None = None, schema: Schema | None = None) -> list[ManifestRow | BadRow]:
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with Manifest(path) as manifest:
        return list(manifest.rows(schema))


def good(rows: list[ManifestRow | BadRow]) -> list[ManifestRow]:
    assert [row for row in rows if isinstance(row, BadRow)] == []
    return [row for row in rows if isinstance(row, ManifestRow)]


def jsonl(*objects: Any) -> str:
    return "\n".join(json.dumps(value) for value in objects)


# What is read


def test_a_csv_row_is_a_product_with_attributes(tmp_path: Path) -> None:
    (row,) = good(
        read(tmp_path / "a.csv", 'product_id,title,description,price,colour\r\nm-1, Red mug ,"Holds\n0.3 l",9.5,\r\n')
    )
    assert row == ManifestRow(2, "m-1", "Red mug", "Holds\n0.3 l", (), {"price": "9.5"})


def test_a_jsonl_row_is_a_product_with_attributes(tmp_path: Path) -> None:
    product = {"product_id": 7, "title": "Mug", "price": 9.5, "sizes": ["S"], "colour": None, "note": ""}
    (row,) = good(read(tmp_path / "a.jsonl", "\n" + jsonl(product)))
    assert row == ManifestRow(2, "7", "Mug", "", (), {"price": 9.5, "sizes": ["S"]})


def test_a_byte_order_mark_is_not_part_of_a_column_s_name(tmp_path: Path) -> None:
    assert good(read(tmp_path / "a.csv", "\ufeffproduct_id,title\nm,Mug\n"))[0].product_id == "m"
    assert good(read(tmp_path / "a.jsonl", "\ufeff" + jsonl({"product_id": "m", "title": "Mug"})))


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", 'product_id,title\na,"two\nlines"\n\nb,B\n')
    assert [(row.line, row.product_id) for row in rows] == [(2, "a"), (5, "b")] or [row.line for row in rows] == [
        2,
        4,
    ]


def test_with_a_schema_text_is_read_as_declared(tmp_path: Path) -> None:
    schema = {"price": AttributeType.NUMBER, "in_stock": AttributeType.BOOLEAN, "sizes": AttributeType.KEYWORDS}
    (row,) = good(
        read(tmp_path / "a.csv", "product_id,title,price,in_stock,sizes\nm,Mug,9.5,yes,S|M\n", schema=schema)
    )
    assert row.attributes == {"price": 9.5, "in_stock": True, "sizes": ["S", "M"]}


def test_the_schema_inferred_from_a_manifest_reads_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = good(read(path, "product_id,title,price,year,new\na,A,9.5,2011,yes\nb,B,10,,no\n"))
    schema = infer_schema(row.attributes for row in rows)
    assert schema == {
        "price": AttributeType.NUMBER,
        "year": AttributeType.NUMBER,
        "new": AttributeType.BOOLEAN,
    }
    assert [row.attributes for row in good(read(path, schema=schema))] == [
        {"price": 9.5, "year": 2011, "new": True},
        {"price": 10, "new": False},
    ]


# What cannot be read as a whole


@pytest.mark.parametrize(
    "content",
    [
        "",
        "id,name\n1,Mug\n",
        "product_id;title\n1;Mug\n",
        "product_id,title,title\n",
        "product_id,title,\n",
        b"\xff\xfep\0r\0",
    ],
)
def test_a_csv_without_its_columns_names_the_ones_it_has(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(Invalid, match="has: ") as caught:
        read(tmp_path / "a.csv", content)
    assert caught.value.code == "manifest_columns"


def test_a_source_that_is_not_one_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(Invalid) as invalid:
        Manifest(tmp_path / "a.xlsx")
    assert invalid.value.code == "manifest_format"
    with pytest.raises(NotFound) as missing:
        Manifest(tmp_path / "b.csv")
    assert missing.value.code == "manifest_not_found"
    with pytest.raises(Invalid) as empty:
        read(tmp_path)
    assert empty.value.code == "manifest_empty"


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", "product_id,title\n"), ("a.csv", "product_id,title\n\n"), ("a.jsonl", "\n")]
)
def test_a_manifest_without_a_row_is_refused_and_says_what_to_do(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(Invalid, match=f"{name} holds no row: give it one for every product") as caught:
        read(tmp_path / name, content)
    assert caught.value.code == "manifest_empty"


def test_an_empty_file_says_that_it_is_empty(tmp_path: Path) -> None:
    with pytest.raises(
        Invalid, match=r"needs the columns product_id and title.* has: none, as it is empty"
    ) as caught:
        read(tmp_path / "a.csv", "")
    assert caught.value.code == "manifest_columns"


def test_a_folder_without_a_picture_says_what_to_name_instead(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"holds no picture \(.jpg.*name a folder that does, or a .csv"):
        read(tmp_path)


# Bad rows stand aside, and the rest goes in


def test_a_cell_that_is_not_of_the_declared_type_costs_its_row_alone_and_is_shown(tmp_path: Path) -> None:
    rows = read(
        tmp_path / "a.csv",
        "product_id,title,price\na,A,9.5\nb,B,n/a\nc,C,\n",
        schema={"price": AttributeType.NUMBER},
    )
    assert [row.product_id for row in rows if isinstance(row, ManifestRow)] == ["a", "c"]
    assert [row for row in rows if isinstance(row, BadRow)] == [
        BadRow(3, "b", "attribute_type", "attributes.price must be a number, and is 'n/a'")
    ]


GOOD_LINE = "ok,Fine,1"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("b d,Title,1", "bad_id"),
        (",Title,1", "bad_id"),
        ("x" * 129 + ",Title,1", "bad_id"),
        ("b,,1", "empty_title"),
        ("b,   ,1", "empty_title"),
        ("b," + "x" * 1_001 + ",1", "too_long"),
        ("b,Title,cheap", "attribute_type"),
        ("b,Title", "bad_csv"),
        ("b,Title,1,2", "bad_csv"),
        ("b," + "x" * 140_000 + ",1", "bad_csv"),
        ("b,Tit\0le,1", "bad_text"),
        (b"b,T\xfctle,1", "bad_encoding"),
        ("ok,Again,1", "duplicate_product_id"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_bad_csv_row_is_told_with_its_line_and_the_others_go_in(
    tmp_path: Path, line: str | bytes, code: str
) -> None:
    bad_line = line if isinstance(line, bytes) else line.encode()
    content = b"product_id,title,price\n" + GOOD_LINE.encode() + b"\n" + bad_line + b"\nlast,Fine,2\n"
    first, bad, last = read(tmp_path / "a.csv", content, {"price": AttributeType.NUMBER})
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.code) == (3, code)
    assert bad.detail
    assert [row.product_id for row in good([first, last])] == ["ok", "last"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{", "bad_json"),
        ("[1]", "bad_json"),
        ('"text"', "bad_json"),
        ("[" * 100_000, "bad_json"),
        ('{"product_id": ' + "9" * 5_000 + "}", "bad_json"),
        (b'{"product_id": "b", "title": "\xff"}', "bad_encoding"),
        ('{"product_id": "b", "title": "\\ud800"}', "bad_text"),
        ('{"title": "T"}', "bad_id"),
        ('{"product_id": true, "title": "T"}', "bad_id"),
        ('{"product_id": "b"}', "empty_title"),
        ('{"product_id": "b", "title": 5}', "bad_type"),
        ('{"product_id": "b", "title": "T", "description": []}', "bad_type"),
        ('{"product_id": "b", "title": "T", "image": 5}', "bad_type"),
        ('{"product_id": "b", "title": "T", "images": [{}]}', "bad_type"),
        ('{"product_id": "b", "title": "T", "price": [1]}', "attribute_type"),
        ('{"product_id": "b", "title": "T", "price": NaN}', "attribute_type"),
        ('{"product_id": "b", "title": "T", "colour": "Red"}', "unknown_attribute"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_bad_jsonl_row_is_told_with_its_line_and_the_others_go_in(
    tmp_path: Path, line: str | bytes, code: str
) -> None:
    bad_line = line if isinstance(line, bytes) else line.encode()
    around = [jsonl({"product_id": name, "title": "Fine", "price": 1}).encode() for name in ("first", "last")]
    content = around[0] + b"\n" + bad_line + b"\n" + around[1]
    first, bad, last = read(tmp_path / "a.jsonl", content, {"price": AttributeType.NUMBER})
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.code) == (2, code)
    assert len(good([first, last])) == 2


# Pictures


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(b"file")
    with zipfile.ZipFile(tmp_path / "more.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deep/b.jpg", b"member")
        archive.writestr("huge.jpg", bytes(MAX_PICTURE_BYTES + 1))
    return tmp_path


def images_of(shop: Path, cell: Any) -> list[bytes | str]:
    path = shop / "a.jsonl"
    path.write_text(jsonl({"product_id": "a", "title": "A", "image": cell}))
    with Manifest(path) as manifest:
        (row,) = good(list(manifest.rows()))
        return [image.url if isinstance(image, UrlPicture) else image.read() for image in row.images]


def test_pictures_are_files_zip_members_and_urls_in_order(shop: Path) -> None:
    url = "https://shop.example/c.zip#x.jpg"
    places = ["pictures/a.jpg", "more.zip#deep/b.jpg", url]
    assert images_of(shop, places) == [b"file", b"member", url]
    assert images_of(shop, str(shop / "pictures" / "a.jpg")) == [b"file"]
    rows = read(shop / "a.csv", f"product_id,title,image,images\na,A,pictures/a.jpg,{' | '.join(places[1:])}\n")
    assert len(good(rows)[0].images) == 3
    assert good(rows)[0].images[0] == FilePicture(shop / "pictures" / "a.jpg")


@pytest.mark.parametrize(
    "place",
    [
        "missing.jpg",
        "pictures",
        "nul\0.jpg",
        "more.zip#missing.jpg",
        "more.zip#../pictures/a.jpg",
        "missing.zip#a.jpg",
        "more.zip#",
        "a.zip#b.jpg",
    ],
)
def test_a_picture_that_is_not_there_is_told_when_it_is_read(shop: Path, place: str) -> None:
    (shop / "a.zip").write_bytes(b"not a zip archive")
    with pytest.raises(NotFound) as caught:
        images_of(shop, place)
    assert caught.value.code == "image_missing"


def test_a_picture_beyond_the_budget_is_not_unpacked(shop: Path) -> None:
    (shop / "huge.jpg").write_bytes(bytes(MAX_PICTURE_BYTES + 1))
    for place in ("huge.jpg", "more.zip#huge.jpg"):
        with pytest.raises(TooLarge) as caught:
            images_of(shop, place)
        assert caught.value.code == "image_too_large"


def test_threads_may_read_one_archive(shop: Path) -> None:
    with zipfile.ZipFile(shop / "many.zip", "w") as archive:
        for number in range(200):
            archive.writestr(f"{number}.jpg", bytes([number]) * 5_000)
    lines = "\n".join(f"{number},T,many.zip#{number}.jpg" for number in range(200))
    (shop / "a.csv").write_text(f"product_id,title,image\n{lines}\n")
    with Manifest(shop / "a.csv") as manifest, ThreadPoolExecutor(8) as threads:
        sources = [row.images[0] for row in good(list(manifest.rows()))]
        contents = list(threads.map(lambda source: source.read(), sources))  # type: ignore[union-attr]
    assert contents == [bytes([number]) * 5_000 for number in range(200)]


# Folders


def test_a_folder_of_pictures_is_a_catalogue(tmp_path: Path) -> None:
    for name in ("red_mug.jpg", "shoes/blue-sneaker.PNG", "shoes/.hidden.jpg", ".cache/x.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    rows = good(read(tmp_path))
    assert [(row.product_id, row.title) for row in rows] == [
        ("red_mug", "red mug"),
        ("shoes:blue-sneaker", "blue sneaker"),
    ]
    assert [row.images[0].read() for row in rows] == [b"red_mug.jpg", b"shoes/blue-sneaker.PNG"]  # type: ignore[union-attr]


def test_names_that_are_no_ids_become_ids_of_their_own(tmp_path: Path) -> None:
    for name in (
        "靴.jpg",
        "帽.jpg",
        "a b.jpg",
        "a-b.jpg",
        "x:y.jpg",
        "http:",
        "c.zip#d|e.jpg",
        "n" * 140 + "1.jpg",
        "n" * 140 + "2.jpg",
    ):
        (tmp_path / name).write_bytes(b"picture") if "." in name else (tmp_path / name).mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "y.jpg").write_bytes(b"picture")
    rows = good(read(tmp_path))
    assert len({row.product_id for row in rows}) == 9
    assert all(row.images[0].read() == b"picture" for row in rows)  # type: ignore[union-attr]
    assert {"a-b", "x:y"} < {row.product_id for row in rows}


def test_two_pictures_of_one_name_are_one_product_and_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "a.png").touch()
    first, second = read(tmp_path)
    assert isinstance(first, ManifestRow)
    assert isinstance(second, BadRow)
    assert second.code == "duplicate_product_id"
