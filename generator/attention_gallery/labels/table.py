"""Labelled sentences in CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from attention_gallery.errors import InputError, Where, choices, printable, quoted
from attention_gallery.labels.collecting import Collected

_COLUMNS = ("text", "word", "label")
_HEADER = "the first line is text,word,label, or text,label for labels of whole texts"
_QUOTES = 'a text that holds commas or quotation marks is put in "…", each " in it written twice'


def read_table(path: Path, collected: Collected) -> None:
    """Read sentences, a row for each label.

    Raises:
        InputError: When there is no such file, or it is not UTF-8.
        FaultsError: When there are too many labels.
    """
    _read(_text(path, collected.file), collected)


def _text(path: Path, file: str) -> str:
    """Text of a UTF-8 file, without its byte order mark.

    Raises:
        InputError: When there is no such file, or it has another encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        others = [] if path.exists() else sorted(p.name for p in path.parent.glob("*.csv"))
        hint = choices(path.name, others, "beside it lie") if others else ""
        raise InputError(f"cannot be read: {error.strerror}", Where(file), hint) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"byte 0x{content[error.start]:02x} is not UTF-8",
            Where(file, line),
            "save the file with the encoding UTF-8",
        ) from None


def _read(text: str, collected: Collected) -> None:
    """Read rows."""
    rows = _rows(text, collected)
    line, header = next(rows, (0, list[str]()))
    if collected.faults:
        return
    columns = [column.strip() for column in header]
    if not _check_columns(columns, Where(collected.file, line), collected):
        return
    for line, cells in rows:
        where = Where(collected.file, line)
        if len(cells) != len(columns):
            message = (
                f"{_n(len(cells), 'cell')}, and the first line has {_n(len(columns), 'column')}"
            )
            collected.fault(message, where, _QUOTES)
            continue
        row = dict(zip(columns, cells, strict=True))
        if not row["text"].strip():
            collected.fault("the row has no text", where)
            continue
        collected.text(row["text"], where)
        collected.label(row["text"], row.get("word"), row["label"], where)


def _rows(text: str, collected: Collected) -> Iterator[tuple[int, list[str]]]:
    """Rows of a CSV that are not empty, with the line each begins in."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        message = f"not valid CSV: {printable(str(error))}"
        collected.fault(message, Where(collected.file, line), _QUOTES)


def _check_columns(columns: list[str], where: Where, collected: Collected) -> bool:
    """See that a CSV begins with the names of its columns."""
    before = len(collected.faults)
    if len(columns) == 1 and re.search(r"[;\t]", columns[0]):
        collected.fault("columns are not parted by commas", where, _HEADER)
    elif not {"text", "label"} & set(columns):
        collected.fault("the first line does not name the columns", where, _HEADER)
    else:
        for column in columns:
            if column not in _COLUMNS:
                message = f"unknown column {quoted(column)}"
                collected.fault(message, where, choices(column, _COLUMNS, "columns"))
        for column in ("text", "label"):
            if column not in columns:
                collected.fault(f"the column {column} is missing", where, _HEADER)
        if len(set(columns)) < len(columns):
            collected.fault("two columns have the same name", where, _HEADER)
    return len(collected.faults) == before


def _n(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
