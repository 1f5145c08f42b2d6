"""The pictures and the page of a training run that really happened."""

import io
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from app.dataset.folder import Dataset, Sessions, fingerprint_of
from app.domain.catalogue import Catalogue, Track
from app.rnn.manifest import Verdict
from app.trainer.comparison import Comparison, compare
from app.trainer.gate import verdict
from app.trainer.judged_network import JudgedNetwork
from app.trainer.recipe import Recipe
from app.trainer.report import build_report
from app.trainer.trained import TrainedNetwork
from app.trainer.training import train
from tests.listening import sessions_of

HOSTILE = '<script>alert("1")</script> & <b>'


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    """Runs through a circle of 24 tracks, from anywhere."""
    return sessions_of(*([(start * 7 + step) % 24 for step in range(6)] for start in range(60)))


@pytest.fixture(scope="module")
def trained(sessions: Sessions, tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    catalogue = Catalogue([Track(f"t{row}", f"Song {row}", "Artist") for row in range(24)])
    dataset = Dataset(catalogue, sessions, fingerprint_of(catalogue, sessions), {})
    recipe = Recipe(hidden_size=12, embedding_size=12, epochs=2, batch_events=64, name=HOSTILE)
    return train(dataset, recipe, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def comparison(sessions: Sessions, trained: TrainedNetwork) -> Comparison:
    older, newest = sessions.split(0.2)
    return compare(JudgedNetwork(trained.network, f"gru {HOSTILE}"), older, newest)


@pytest.fixture(scope="module")
def report(trained: TrainedNetwork, comparison: Comparison) -> dict[str, bytes]:
    data = {"fingerprint": "0" * 64, "events": 360, "session_length": {"median": 6}, "files": [HOSTILE]}
    return build_report(trained, comparison, verdict(comparison), data)


@pytest.fixture(scope="module")
def page(report: dict[str, bytes]) -> str:
    return report["report/report.html"].decode()


class Outline(HTMLParser):
    """Notes every tag, and that each one opened is closed in order."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value is not None]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value is not None]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    return outline


def test_a_report_is_three_pictures_and_a_page(report: dict[str, bytes]) -> None:
    assert set(report) == {
        "report/comparison.png",
        "report/learning_curve.png",
        "report/breakdown.png",
        "report/report.html",
    }


@pytest.mark.parametrize("name", ["comparison", "learning_curve", "breakdown"])
def test_a_picture_is_wide_and_not_blank(report: dict[str, bytes], name: str) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(report[f"report/{name}.png"])).convert("L"))
    assert pixels.shape[1] == 1584
    assert pixels.min() < 100
    assert (pixels < 250).mean() > 0.01


def test_the_page_asks_for_nothing_from_elsewhere(page: str, outline: Outline) -> None:
    assert not {"script", "link", "img", "iframe", "object", "image", "base", "form"} & set(outline.tags)
    linked = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    assert all(target.startswith("#") for target in linked), linked
    outside = {match for match in re.findall(r"https?://[^\"' <]+", page) if "w3.org" not in match}
    assert outside == set()
    assert "@import" not in page


def test_what_people_named_is_text_not_markup(page: str, outline: Outline) -> None:
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 3
    assert HOSTILE in "".join(outline.text)


def test_no_two_things_on_the_page_share_an_id(outline: Outline) -> None:
    assert len(outline.ids) == len(set(outline.ids))


def test_the_page_shows_every_figure_of_every_model(page: str, comparison: Comparison) -> None:
    for metrics in (comparison.model, *comparison.baselines.values()):
        for value in metrics.figures.values():
            assert f"<td>{value:.4f}" in page
        for part in metrics.by_segment:
            assert f"<td>{part.recall:.4f}<small>{part.low:.4f}" in page
    assert {part.label for part in comparison.model.by_segment} == {"new listeners", "rare tracks"}
    assert page.count('<th scope="col">') == 1 + len(comparison.baselines)


def test_the_page_reads_in_light_and_dark(page: str) -> None:
    assert "color-scheme: light dark" in page
    assert "prefers-color-scheme: dark" in page
    assert "currentColor" in page
    assert "fill: #ffffff" not in page


def test_a_refusal_is_said_at_the_top(trained: TrainedNetwork, comparison: Comparison) -> None:
    files = build_report(trained, comparison, Verdict(accepted=False, reason="worse than counting"), {})
    text = files["report/report.html"].decode()
    assert text.index("rejected</p>") < text.index("worse than counting") < text.index("<h2>")


def test_drawing_leaves_nothing_open(report: dict[str, bytes]) -> None:
    assert report
    assert "matplotlib.pyplot" not in sys.modules
