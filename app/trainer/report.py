"""The report of a training run: pictures, and one page that explains the checkpoint it lies in.

The page holds everything itself and asks for nothing from elsewhere. Knows nothing of how figures come about.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from html import escape
from importlib import resources
from typing import Any

from app.rnn.manifest import Verdict
from app.trainer import plots
from app.trainer.comparison import Comparison
from app.trainer.evaluation import Metrics
from app.trainer.metrics import CUTOFFS, HEADLINE
from app.trainer.segments import SEGMENTS
from app.trainer.trained import TrainedNetwork

_WORDS = {"recall": "Recall", "mrr": "MRR", "ndcg": "NDCG"}
_DECISIVE = (f"Recall@{HEADLINE}", f"MRR@{HEADLINE}")
_MARKED = ' class="decisive"'
_READING = f"""Every track of every test session but its first was a target, ranked among the whole catalogue; ties
count against the model. <b>Recall@k</b>: how often the target is among the first k. <b>MRR@k</b>: the mean of
1/place, 0 beyond k. <b>NDCG@k</b>: the mean of 1/log<sub>2</sub>(1 + place). <b>Coverage</b>: the share of the
catalogue that is ever among the first {HEADLINE}. <b>Popularity</b>: how often the tracks among the first
{HEADLINE} were played in training, beside the tracks that were really played: above 1 a model plays safe.
<b>Log-loss</b>: the mean of &minus;ln p(target). <b>Calibration error@k</b>: how far
the probability of the first k lies from how often they hold the target.
Segments: {"; ".join(f"<b>{name}</b>: {meaning}" for name, meaning in SEGMENTS.items())}.
Ranges are 95&nbsp;% bootstrap intervals over sessions."""


def build_report(
    trained: TrainedNetwork, comparison: Comparison, verdict: Verdict, data: Mapping[str, Any]
) -> dict[str, bytes]:
    """Return the report's files by name: three PNG pictures and the page `report/report.html`.

    `data` says what was learned from; nested mappings are shown as dotted names.
    """
    figures = {
        "comparison": plots.comparison_bars(comparison),
        "learning_curve": plots.learning_curve(trained),
        "breakdown": plots.breakdown(comparison),
    }
    files = {f"report/{name}.png": plots.png(figure) for name, figure in figures.items()}
    pictures = {name: plots.svg(figure, name).replace(plots.INK, "currentColor") for name, figure in figures.items()}
    files["report/report.html"] = _page(trained, comparison, verdict, data, pictures).encode()
    return files


def _page(
    trained: TrainedNetwork,
    comparison: Comparison,
    verdict: Verdict,
    data: Mapping[str, Any],
    pictures: Mapping[str, str],
) -> str:
    style = (resources.files("app.trainer") / "report.css").read_text("utf-8")
    state = "accepted" if verdict.accepted else "rejected"
    title = comparison.model.model
    if title != trained.recipe.name:
        title += f", recipe {trained.recipe.name}"
    course = (
        f"{trained.recipe.epochs} epochs planned, {len(trained.history)} run, the best was {trained.best_epoch}; "
        f"{trained.seconds:,.0f} s of learning at {trained.events_per_s:,.0f} events a second."
    )
    sections = (
        f'<header><p class="state {state}">{state}</p><h1>{escape(title)}</h1><p>{escape(verdict.reason)}</p></header>',
        _section(
            "Beside the baselines",
            _picture(pictures["comparison"], "Recall and MRR of every model"),
            _table(comparison),
        ),
        f'<p class="note">{_READING}</p>',
        _section("Where it is good", _picture(pictures["breakdown"], "Recall by position and by popularity")),
        _section(
            "How it learned",
            f"<p>{escape(course)}</p>",
            _picture(pictures["learning_curve"], "Loss, validation figures and learning rate by epoch"),
        ),
        f'<div class="pair">{_section("Data", _list(data))}{_section("Recipe", _list(asdict(trained.recipe)))}</div>',
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f"{''.join(sections)}</main></body></html>\n"
    )


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _picture(picture: str, label: str) -> str:
    return f'<figure role="img" aria-label="{escape(label)}">{picture}</figure>'


def _table(comparison: Comparison) -> str:
    """Return the figures as a table: models across, figures down, since nineteen columns fit no page."""
    models = [comparison.model, *comparison.baselines.values()]
    names = [f"{word}@{k}" for word in _WORDS for k in CUTOFFS]
    heads = [f"{_WORDS[name.partition('@')[0]]}@{name.partition('@')[2]}" for name in names]
    heads += [f"{_DECISIVE[0]}, {segment}" for segment in SEGMENTS]
    heads += [f"Coverage@{HEADLINE}", f"Popularity@{HEADLINE}", "Log-loss"]
    heads += [f"Calibration error@{depth}" for depth in (1, HEADLINE)] + ["Targets"]
    across = "".join(f'<th scope="col">{escape(each.model)}</th>' for each in models)
    down = "".join(
        f'<tr{_MARKED if head in _DECISIVE else ""}><th scope="row">{head}</th>'
        f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        for head, *cells in zip(heads, *(_cells(each, names) for each in models), strict=True)
    )
    return f'<div class="scroll"><table><thead><tr><td></td>{across}</tr></thead><tbody>{down}</tbody></table></div>'


def _cells(metrics: Metrics, names: Iterable[str]) -> list[str]:
    """Return the cells of one model, top to bottom, as HTML."""
    cells = []
    for name in names:
        interval = metrics.intervals.get(name)
        span = f"<small>{interval.low:.4f}–{interval.high:.4f}</small>" if interval else ""
        cells.append(f"{metrics.figures[name]:.4f}{span}")
    parts = {part.label: part for part in metrics.by_segment}
    for segment in SEGMENTS:
        part = parts.get(segment)
        cells.append("" if part is None else f"{part.recall:.4f}<small>{part.low:.4f}–{part.high:.4f}</small>")
    ratio = "" if metrics.popularity_ratio is None else f"{metrics.popularity_ratio:.2f}×"
    log_loss = "" if metrics.log_loss is None else f"{metrics.log_loss:.3f}"
    reliabilities = (metrics.reliabilities.get(depth) for depth in (1, HEADLINE))
    calibration = ("" if each is None else f"{each.error:.4f}" for each in reliabilities)
    return [*cells, f"{metrics.coverage:.1%}", ratio, log_loss, *calibration, f"{metrics.targets:,}"]


def _list(values: Mapping[str, Any]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in _flat(values))
    return f"<dl>{rows}</dl>"


def _flat(values: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, float):
            yield f"{before}{name}", f"{value:g}"
        elif isinstance(value, int) and not isinstance(value, bool):
            yield f"{before}{name}", f"{value:,}"
        else:
            yield f"{before}{name}", ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
