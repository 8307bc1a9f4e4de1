"""What is above a budget, and what is too much for GitHub Pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mkdocs.commands.build import build as build_with_mkdocs
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

from attention_gallery import budget
from attention_gallery.budget import Budget, read_budget
from attention_gallery.errors import InputError, SiteError
from attention_gallery.weight import Weight
from command_fixtures import Run
from projects import fill_store, write_manifest, write_mkdocs

GOLDEN = Path(__file__).parent / "golden" / "commands"
Golden = Callable[[Path, str], None]

HEAVY = Weight(
    {f"number-{n}": n * 1_000_000 for n in range(1, 9)},
    {"index.html": 900_000, "exhibits/number-8.html": 8_400_000},
    1_200_000_000,
)


def test_what_is_above_a_budget_is_named_with_what_would_make_it_smaller(golden: Golden) -> None:
    limits = Budget(exhibit=2_000_000, page=2_000_000, site=200_000_000)
    golden(GOLDEN / "above-budget.txt", "\n".join(budget.excess(HEAVY, limits)) + "\n")
    assert budget.excess(HEAVY, Budget(8_000_000, 8_400_000, 1_200_000_000)) == []


def test_what_github_pages_would_not_take_is_refused(golden: Golden) -> None:
    with pytest.raises(SiteError) as caught:
        budget.check_limit(HEAVY)
    golden(GOLDEN / "above-limit.txt", f"{caught.value}\n")
    budget.check_limit(Weight({}, {}, 1_000_000_000))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({}, Budget()),
        ({"exhibit": "500 kB"}, Budget(exhibit=500_000)),
        ({"page": "1.5MB", "site": "1 gb"}, Budget(page=1_500_000, site=1_000_000_000)),
        ({"exhibit": 12_345}, Budget(exhibit=12_345)),
        ({"exhibit": " 12 b "}, Budget(exhibit=12)),
    ],
)
def test_sizes_are_written_as_people_do(written: object, read: Budget) -> None:
    assert read_budget(written) == read


def test_a_budget_that_is_none_is_told_what_would_be_one(golden: Golden) -> None:
    said = []
    for written in (
        "1 MB",
        {"exhibits": "1 MB"},
        {"exhibit": "1 MiB"},
        {"site": 0},
        {"site": True},
        {"page": -5},
        {"page": "1e3 MB"},
        {"page": "\u202e5 MB"},
        {"page": "9" * 10_000},
    ):
        with pytest.raises(InputError) as caught:
            read_budget(written)
        said.append(str(caught.value))
    golden(GOLDEN / "wrong-budget.txt", "\n".join(said) + "\n")


def write_project(folder: Path, **options: object) -> Path:
    """Two exhibits without downloads, which take time and are not what is tried."""
    write_manifest(folder)
    plugin = {"attention-gallery": {"downloads": [], **options}}
    return write_mkdocs(folder, plugins=[plugin])


def test_a_build_tells_the_largest_and_warns_above_the_budget(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_project(tmp_path, budget={"exhibit": "20 kB"})
    fill_store(tmp_path)
    result = run("build")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    start = lines.index("    bytes  exhibit")
    assert [line.split()[-1] for line in lines[start + 1 : start + 3]] == ["fox", "once"]
    assert "    bytes  page, with all that it loads" in lines
    [warning] = [record for record in caplog.records if "budget" in record.message]
    assert warning.message.startswith("2 exhibits (fox ")
    assert "above the budget of 20 kB; name fewer `heads` or `views`" in warning.message
    caplog.clear()
    run("check")
    assert "2 exhibits (fox " in caplog.text
    assert "Aborted with 1 warnings in strict mode!" in run("build", "--strict").err


def test_a_budget_nobody_chose_fails_no_strict_build(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("attention_gallery.mkdocs_plugin.Budget", lambda: Budget(page=1))
    write_project(tmp_path)
    fill_store(tmp_path)
    result = run("build", "--strict")
    assert result.code == 0, result.err
    assert "above the budget of 1 B" in caplog.text


def test_a_site_that_github_would_not_take_fails_and_the_last_one_stays(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = write_project(tmp_path)
    fill_store(tmp_path)
    assert run("build").code == 0
    before = (tmp_path / "site/index.html").stat()
    monkeypatch.setattr(budget, "LIMIT", 1_000_000)
    write_manifest(tmp_path, title="Another title")
    result = run("build")
    assert result.code == 1
    assert "GitHub Pages takes; the largest exhibits: fox " in caplog.text
    assert (tmp_path / "site/index.html").stat() == before
    check = run("check")
    assert check.code == 1
    assert "more than the 1 MB that GitHub Pages takes" in check.err
    caplog.clear()
    with pytest.raises(Abort):
        build_with_mkdocs(load_config(str(config)))
    assert "GitHub Pages takes" in caplog.text


def test_a_wrong_budget_in_the_configuration_is_bad_input(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_manifest(tmp_path)
    write_mkdocs(tmp_path, plugins=[{"attention-gallery": {"budget": {"exhibit": "much"}}}])
    result = run("check")
    assert result.code == 2
    assert "option 'budget'" in caplog.text
    assert '"much" is not a size; write one such as 500 kB, 1.5 MB or 1 GB' in caplog.text
