"""The commands, as a person would type them."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from attention_gallery import __version__, resources
from attention_gallery.configuration import configuration, plugin_of
from attention_gallery.mkdocs_plugin import AttentionGalleryPlugin
from command_fixtures import Run
from projects import MANIFEST, fill_store, write_manifest, write_mkdocs


def test_it_tells_its_version(run: Run) -> None:
    assert run("--version") == (0, f"attention-gallery, version {__version__}\n", "")


@pytest.mark.parametrize(
    "command", ["new", "check", "capture", "build", "serve", "publish", "export", "show", "doctor"]
)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert command in run("--help").out
    assert "--quiet" in result.out
    assert ("Examples:\n    attention-gallery " in result.out) == (
        command in ("new", "publish", "export")
    )


def test_an_unknown_option_is_bad_input(run: Run) -> None:
    result = run("build", "--colour")
    assert result.code == 2
    assert "No such option" in result.err


def test_an_empty_folder_is_told_what_to_write(run: Run) -> None:
    result = run("build")
    assert result.code == 2
    assert "no manifest in" in result.err
    assert "write one of galleries/*.yml, gallery.yml" in result.err
    assert not Path("site").exists()


def test_building_from_stored_captures_writes_a_site_and_says_where(
    run: Run, tmp_path: Path
) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    result = run("build", "--strict")
    assert result.code == 0, result.err
    assert "2 exhibits from 2 captures (0 new)" in result.out
    assert f"Open {tmp_path / 'site' / 'index.html'}" in result.out
    assert "Two animals" in (tmp_path / "site/index.html").read_text("utf-8")


def test_building_twice_changes_no_file_but_what_tells_the_date(run: Run, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    run("build")
    site = tmp_path / "site"
    files = [path for path in site.rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, (1_000, 1_000))
    assert run("build").code == 0
    changed = {path.name for path in files if path.stat().st_mtime != 1_000}
    assert changed <= {"sitemap.xml.gz"}  # gzip writes the time of day


@pytest.mark.parametrize("command", ["build", "capture", "check"])
def test_quiet_says_nothing(run: Run, tmp_path: Path, command: str) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    assert run(command, "-q") == (0, "", "")


def test_a_wrong_manifest_is_answered_with_all_faults_and_costs_nothing(
    run: Run, tmp_path: Path
) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    assert run("build").code == 0
    before = (tmp_path / "site/index.html").read_bytes()
    write_manifest(tmp_path, titel="x", sentences={"fox": "", "once": "a"})
    result = run("build")
    assert result.code == 2
    lines = result.err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("galleries/animals.yml:") for line in lines)
    assert "Traceback" not in result.err
    assert (tmp_path / "site/index.html").read_bytes() == before


def test_the_configuration_of_the_author_is_used(run: Run, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    write_mkdocs(tmp_path, site_dir="public", site_name="My animals")
    fill_store(tmp_path)
    result = run("build")
    assert result.code == 0, result.err
    assert "My animals" in (tmp_path / "public/index.html").read_text("utf-8")


def test_manifests_on_the_command_line_take_the_place_of_those_in_the_configuration(
    run: Run, tmp_path: Path
) -> None:
    write_manifest(tmp_path, "first")
    write_manifest(tmp_path, "second", title="The second")
    write_mkdocs(tmp_path)
    store = tmp_path / "galleries/first.yml"
    store.unlink()
    fill_store(tmp_path)
    write_manifest(tmp_path, "first")
    result = run("build", "galleries/second.yml")
    assert result.code == 0, result.err
    assert "The second" in (tmp_path / "site/index.html").read_text("utf-8")


def test_a_configuration_without_the_plugin_is_told_the_line_to_add(
    run: Run, tmp_path: Path
) -> None:
    write_manifest(tmp_path)
    write_mkdocs(tmp_path, plugins=["search"])
    result = run("check")
    assert result.code == 2
    assert "add `- attention-gallery` under `plugins:`" in result.err


def test_a_broken_configuration_is_bad_input(run: Run, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    write_mkdocs(tmp_path, theme={"name": "no-such-theme"})
    result = run("build")
    assert result.code == 2
    assert "Traceback" not in result.err


def write_two_of_which_one_is_broken(folder: Path) -> None:
    """A gallery that can be built, and one of a model that cannot be loaded."""
    broken = folder / "galleries/broken"
    shutil.copytree(resources.specimens()["story"], broken)
    (broken / "model.safetensors").write_bytes(b"no weights")
    write_manifest(folder)
    write_manifest(
        folder,
        "broken",
        title="The broken",
        models={"broken": {"source": "./broken"}, "story": {"source": "specimen:story"}},
        exhibits=[
            {"id": "lost", "model": "broken", "sentence": "fox"},
            {
                "id": "half-lost",
                "model": "story",
                "sentence": "once",
                "against": {"models": ["broken"]},
            },
        ],
    )


def test_a_build_that_keeps_going_leaves_out_what_fails_and_says_so_at_the_end(
    run: Run, tmp_path: Path
) -> None:
    """A real capture, in one build with a model that is none."""
    write_two_of_which_one_is_broken(tmp_path)
    assert run("build").code == 2
    assert not Path("site").exists()
    result = run("build", "--keep-going")
    assert result.code == 1
    assert "2 exhibits from 2 captures (0 new), " in result.out  # those the first build has kept
    *_, fault, summary = result.err.splitlines()
    assert fault.startswith("galleries/broken.yml:5:3: ")
    assert "./broken" in fault
    assert summary == "2 of 4 exhibits left out: lost, half-lost"
    index = (tmp_path / "site/index.html").read_text("utf-8")
    assert "Two animals" in index
    assert "The broken" not in index
    pages = {path.stem for path in (tmp_path / "site/exhibits").glob("*.html")}
    assert pages == {"fox", "once"}


def test_a_capture_goes_on_and_counts_what_is_missing(run: Run, tmp_path: Path) -> None:
    write_two_of_which_one_is_broken(tmp_path)
    result = run("capture")
    assert result.code == 2
    assert "2 captures made, 0 were stored in " in result.out
    assert result.out.endswith(", 2 are missing\n")
    assert "./broken" in result.err


def test_a_build_that_keeps_going_with_nothing_keeps_the_last_site(
    run: Run, tmp_path: Path
) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    assert run("build").code == 0
    before = (tmp_path / "site/index.html").read_bytes()
    exhibits = [{**exhibit, "attention": "encoder"} for exhibit in MANIFEST["exhibits"]]
    write_manifest(tmp_path, title="New", exhibits=exhibits)
    result = run("build", "--keep-going", "-q")
    assert result.code == 2
    assert result.out == ""
    assert len(result.err.splitlines()) == 2
    assert (tmp_path / "site/index.html").read_bytes() == before


def test_a_wrong_manifest_stops_a_build_that_keeps_going(run: Run, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    write_manifest(tmp_path, "wrong", titel="x")
    result = run("build", "--keep-going")
    assert result.code == 2
    assert 'did you mean "title"?' in result.err
    assert not Path("site").exists()


def test_the_configuration_may_say_that_builds_keep_going(run: Run, tmp_path: Path) -> None:
    fox, once = MANIFEST["exhibits"]
    write_manifest(tmp_path, exhibits=[fox, {**once, "attention": "encoder"}])
    write_mkdocs(tmp_path, plugins=[{"attention-gallery": {"keep_going": True}}])
    fill_store(tmp_path)
    result = run("build")
    assert result.code == 1
    assert result.err.count("has no encoder attention") == 1
    assert result.err.endswith("\n1 of 2 exhibits left out: once\n")
    assert (tmp_path / "site/exhibits/fox").is_dir()


@pytest.mark.parametrize("name", ["x[1].yml", "*.yml", "ümläut.yml"])
@pytest.mark.parametrize("config", [True, False])
def test_a_manifest_on_the_command_line_is_a_path_and_not_a_pattern(
    run: Run, tmp_path: Path, name: str, config: bool
) -> None:
    folder = tmp_path / "a[b]"
    folder.mkdir()
    write_manifest(tmp_path).rename(folder / name)
    if config:
        write_mkdocs(tmp_path)
    result = run("check", f"a[b]/{name}")
    assert result.code == 0, result.err
    assert "2 exhibits" in result.out


@pytest.mark.parametrize("config", [True, False])
def test_a_manifest_that_is_not_there_is_named_as_it_was_typed(
    run: Run, tmp_path: Path, config: bool
) -> None:
    (tmp_path / "mine.yml").write_text("")
    if config:
        write_mkdocs(tmp_path)
    result = run("check", "nine.yml")
    assert result.code == 2
    expected = 'did you mean "mine.yml"?'
    assert result.err == f"nine.yml: there is no such file; {expected}\n"


def test_a_manifest_may_have_any_name(run: Run, tmp_path: Path) -> None:
    """Names of files are bytes; a title is text."""
    name = os.fsdecode(b"gr\xfcn.yml")
    write_manifest(tmp_path).rename(tmp_path / name)
    fill_store(tmp_path)
    result = run("check", name)
    assert result.code == 0, result.err


def test_commands_do_not_remember_the_manifests_of_others(run: Run, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    assert run("check", "galleries/animals.yml").code == 0
    assert AttentionGalleryPlugin.named == ()


@pytest.mark.parametrize("pattern", ["", "**x/*.yml"])
def test_a_pattern_that_is_none_is_bad_input(run: Run, tmp_path: Path, pattern: str) -> None:
    write_mkdocs(tmp_path, plugins=[{"attention-gallery": {"manifests": [pattern]}}])
    result = run("check")
    assert result.code == 2
    assert "manifest" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("config", ["nowhere.yml", "folder"])
def test_a_configuration_that_is_named_must_be_there(run: Run, tmp_path: Path, config: str) -> None:
    write_manifest(tmp_path)
    (tmp_path / "folder").mkdir()
    result = run("check", "-f", config)
    assert result.code == 2
    assert config in result.err
    assert "Traceback" not in result.err


def test_a_build_that_is_told_to_end_leaves_nothing_behind(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}

    def ended(_config: object) -> None:
        assert {path.name for path in tmp_path.iterdir()} > before
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("mkdocs.commands.build.build", ended)
    assert run("build").code == 128 + signal.SIGTERM
    assert {path.name for path in tmp_path.iterdir()} == before
    with configuration((), None) as config:  # MkDocs keeps the plugin for the whole process
        assert plugin_of(config).prepared is None


def test_a_site_folder_with_other_files_is_refused(run: Run, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    result = run("build", "--site-dir", ".")
    assert result.code == 1
    assert "no build has made" in result.err
    assert "Drawing" not in result.err
    assert (tmp_path / "galleries/animals.yml").is_file()


def test_check_says_what_would_be_captured_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    result = run("check")
    assert result.code == 0
    assert " kB  fox: specimen:story, edges, grid, heatmap; to capture\n" in result.out
    assert "2 exhibits from 2 captures, 2 to make" in result.out
    assert [path.name for path in tmp_path.iterdir()] == ["galleries"]
    fill_store(tmp_path)
    assert "2 captures, 0 to make" in run("check").out


def test_check_lists_the_largest_exhibits_first_and_all_of_them_when_asked(
    run: Run, tmp_path: Path
) -> None:
    texts = {f"s{n}": " ".join(["word"] * (n + 1)) for n in range(12)}
    exhibits = [{"id": f"e-{name}", "model": "story", "sentence": name} for name in texts]
    write_manifest(tmp_path, sentences=texts, exhibits=exhibits)
    lines = run("check").out.splitlines()
    assert lines[0].split() == ["bytes", "exhibit,", "estimated"]
    assert [line.split()[2] for line in lines[1:11]] == [f"e-s{n}:" for n in range(11, 1, -1)]
    assert lines[11].split()[:2] == ["2", "more,"]
    assert sum(" kB  e-s" in line for line in run("check", "-v").out.splitlines()) == 12


def test_export_writes_the_exhibits_and_the_author_s_pages(run: Run, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    write_mkdocs(tmp_path, plugins=[{"attention-gallery": {"downloads": []}}])
    (tmp_path / "docs/index.md").write_text("# Mine\n\n```attention\nfox\n```\n", "utf-8")
    (tmp_path / "docs/notes.csv").write_text("a,b\n", "utf-8")
    fill_store(tmp_path)
    result = run("export", "out", "--page-urls", "file")
    assert result.code == 0, result.err
    assert result.out.startswith("4 pages and ")
    assert re.search(r" in out; \d\d written, 0 removed\n$", result.out)
    mine = (tmp_path / "out/index.md").read_text("utf-8")
    assert mine.startswith("# Mine\n")
    assert '<attention-chart exhibit="fox" ' in mine
    assert 'src="assets/attention-gallery/attention-chart.js"' in mine
    assert (tmp_path / "out/exhibits/once.md").is_file()
    assert (tmp_path / "out/notes.csv").read_text("utf-8") == "a,b\n"
    assert "; 0 written, 0 removed" in run("export", "out", "--page-urls", "file").out
    (tmp_path / "out/index.md").write_text("edited", "utf-8")
    edited = run("export", "out", "--page-urls", "file")
    assert edited.code == 1
    assert "were edited since they were exported: index.md" in edited.err
    into_docs = run("export", "docs")
    assert into_docs.code == 2
    assert "cannot export to docs: it is the folder of your own pages, docs;" in into_docs.err


def test_capture_fills_the_store_with_real_attention(run: Run, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    result = run("capture")
    assert result.code == 0, result.err
    assert "2 captures made, 0 were stored" in result.out
    assert "0 captures made, 2 were stored" in run("capture").out


def test_show_writes_one_file(run: Run, tmp_path: Path) -> None:
    result = run("show", "specimen:story", "Once upon a time, </script>")
    assert result.code == 0, result.err
    assert [path.name for path in tmp_path.iterdir()] == ["specimen-story.html"]
    assert "&lt;/script&gt;" in (tmp_path / "specimen-story.html").read_text("utf-8")


def test_show_reads_two_texts_together(run: Run, tmp_path: Path) -> None:
    result = run("show", "specimen:story", "Once upon", "--pair", "a time")
    assert result.code == 0, result.err
    page = (tmp_path / "specimen-story.html").read_text("utf-8")
    assert "specimen:story on “Once upon”" in page
    assert all(f">{word}<" in page for word in ("Once", "upon", "a", "time"))


def test_show_runs_the_model_where_and_how_it_is_told(run: Run, tmp_path: Path) -> None:
    result = run("show", "specimen:story", "Once", "--device", "cpu", "--dtype", "float16")
    assert result.code == 0, result.err
    assert "in float16 on cpu" in (tmp_path / "specimen-story.html").read_text("utf-8")


def test_show_tells_a_folder_by_its_name_and_not_by_its_path(run: Run, tmp_path: Path) -> None:
    shutil.copytree(resources.specimens()["story"], tmp_path / "at-home" / "mine")
    result = run("show", str(tmp_path / "at-home" / "mine"), "Once")
    assert result.code == 0, result.err
    page = (tmp_path / "mine.html").read_text("utf-8")
    assert "mine on “Once”" in page
    assert "at-home" not in page


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("specimen:stroy", "x"), 'there is no specimen "stroy"; did you mean "story"?'),
        (("./nowhere", "x"), "a relative path starts from the working directory"),
        (("specimen:story", " "), "the text is empty; write some text"),
        (
            ("specimen:story", "x", "--device", "gpu"),
            'unknown device "gpu"; devices: auto, cpu, cuda, cuda:1, mps, split',
        ),
        (("specimen:story", "x", "--device", "cuda:77"), "this machine has no device cuda:77"),
        (("specimen:story", "x", "--dtype", "half"), "'half' is not one of 'float32', 'bfloat16'"),
        (("specimen:story",), "the text is empty; write some text"),
        (("specimen:story", "x", "--language", "xx"), "the interface does not speak 'xx' yet; it"),
        (("specimen:story", "--image", "no.png"), "'no.png' does not exist"),
        (("specimen:story", "--image", __file__), "is not an image; save it as PNG, JPEG, WEBP"),
        (("specimen:story", "--audio", "no.wav"), "'no.wav' does not exist"),
        (("specimen:story", "--audio", __file__), 'test_cli.py" is not a WAV file; save it as a'),
        (
            ("specimen:story", "x", "--audio", __file__),
            "a sound cannot have a text or an image beside it; what is said in it is its target",
        ),
        (("specimen:story", os.fsdecode(b"a\xffb")), "the text holds the character U+DCFF"),
        (("specimen:story", "x", "--target", "\x07"), "the text holds the character U+0007"),
        (("specimen:story", "x", "--attention", "corss"), "Invalid value for '--attention'"),
        (("specimen:story", "x", "--attention", "cross"), "has no cross attention; it has "),
        (("specimen:story", "x", "-o", "no/such/folder.html"), "cannot write no/such/folder.html"),
    ],
)
def test_show_answers_bad_input_with_one_message(
    run: Run, args: tuple[str, ...], message: str
) -> None:
    result = run("show", *args)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err


def test_a_pinned_model_of_the_hub_is_valid_and_fails_clearly_without_a_network(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repository's own manifest; the hub is out of reach for certain by its address."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    manifest = str(Path(__file__).parent.parent / "galleries/optional/gpt2.yml")
    result = run("check", manifest)
    assert result.code == 0, result.err
    assert "size known once captured" in result.out
    failed = run("build", manifest)
    assert failed.code == 2
    message = [line for line in failed.err.splitlines() if "gpt2.yml" in line]
    assert len(message) == 1
    assert "gpt2.yml:" in message[0]
    assert "Traceback" not in failed.err
    assert not Path("site").exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("8000", "IP:PORT"),
        ("nowhere:8000", "nowhere"),
        ("127.0.0.1:http", "'http' is not a valid port"),
        ("127.0.0.1:99999", "99999 is not a valid port"),
        ("192.0.2.1:8000", "cannot serve at 192.0.2.1:8000"),
    ],
)
def test_an_address_that_cannot_be_served_is_bad_input(
    run: Run, tmp_path: Path, address: str, message: str
) -> None:
    write_manifest(tmp_path)
    fill_store(tmp_path)
    result = run("serve", "-q", "-a", address)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err


def test_serving_does_not_begin_with_a_wrong_manifest(run: Run, tmp_path: Path) -> None:
    write_manifest(tmp_path, titel="x")
    result = run("serve")
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert result.err.startswith("galleries/animals.yml:")


def test_doctor_tells_what_can_be_captured_and_meanwhile_what_it_does(run: Run) -> None:
    result = run("doctor", "specimen:story")
    assert result.code == 0, result.err
    assert result.err.splitlines() == ["Loading specimen:story", "Trying specimen:story"]
    lines = result.out.splitlines()
    assert lines[0].startswith("specimen:story: LlamaModel, 351,264 parameters, ")
    assert "decoder: 3 layers of 4 heads, each token looks back only" in lines


def test_doctor_fails_with_the_reason_and_no_traceback(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("doctor", "./empty")
    assert result.code == 2
    assert "holds no config.json" in result.err
    assert "Traceback" not in result.err


def test_measures_are_counted_beside_captures(tmp_path: Path, run: Run) -> None:
    exhibit = {"id": "cat", "model": "story", "sentence": "cat", "measures": ["rollout"]}
    write_manifest(tmp_path, sentences={"cat": "the cat saw"}, exhibits=[exhibit])
    manifest = str(tmp_path / "galleries" / "animals.yml")
    assert "from 1 captures and 1 measures, 2 to make" in run("check", manifest).out
    assert run("capture", manifest).out.startswith("1 captures and 1 measures made, 0 were stored")
    assert "from 1 captures and 1 measures, 0 to make" in run("check", manifest).out
    assert "from 1 captures and 1 measures (0 new)" in run("build", manifest).out


def test_a_measure_that_no_view_shows_is_refused_before_anything_runs(
    tmp_path: Path, run: Run
) -> None:
    exhibit = {"id": "cat", "model": "story", "sentence": "cat", "views": ["grid"]}
    write_manifest(
        tmp_path,
        sentences={"cat": "the cat saw"},
        exhibits=[{**exhibit, "measures": ["ablation", "norms"]}],
    )
    result = run("check", str(tmp_path / "galleries" / "animals.yml"))
    assert result.code == 2
    assert (
        "the measure ablation is shown by no view of this exhibit; views that show it: heads"
        in (result.err)
    )
    assert "the measure norms is shown by no view of this exhibit; views that show it: a" in (
        result.err
    )
