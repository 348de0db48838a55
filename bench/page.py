"""The report as one page that needs nothing else, and its charts as files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from .charts import charts
from .drawing import DARK, LIGHT, Chart, style
from .peers import LIMIT
from .peers.dual import NAME as OURS
from .report import absences, crossing, duration, ratio, shown, summary_rows, sweep_rows, who, worth
from .results import PLACES, Measured, Results, verdicts

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{colours}
{css}</style>
</head>
<body>
{body}
</body>
</html>
"""


def write(results: Results, directory: Path) -> Path:
    """Write index.html and all charts as SVG and PNG files; returns the page."""
    drawn = list(charts(results))
    directory.mkdir(parents=True, exist_ok=True)
    for chart in drawn:
        (directory / f"{chart.name}.svg").write_text(chart.svg_file())
        (directory / f"{chart.name}.png").write_bytes(chart.png(LIGHT))
        (directory / f"{chart.name}-dark.png").write_bytes(chart.png(DARK))
    page = directory / "index.html"
    page.write_text(html(results, drawn))
    return page


def html(results: Results, drawn: Iterable[Chart]) -> str:
    """The page."""
    pictures = {chart.name: chart.svg() for chart in drawn}
    css = Path(__file__).with_name("page.css").read_text()
    body = "\n".join([*_head(results), *_summary(results, pictures), *_sweeps(results, pictures)])
    body += "\n".join([*_workloads(results, pictures), *_machine(results)])
    return PAGE.format(title="dualdiff: what derivatives cost", colours=style(":root"), css=css, body=body)


def table(head: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]], text: Sequence[int]) -> str:
    """A table that scrolls in its own box; ``text`` are the columns of words.

    A row can be emphasised; one of a single cell is a heading within the table.
    """

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f'<{tag} class="text">{escape(cell)}</{tag}>' if i in text else f"<{tag}>{escape(cell)}</{tag}>"
            for i, cell in enumerate(row)
        )

    def line(row: Sequence[str], strong: bool) -> str:
        if len(row) == 1:
            return f'<tr><th class="text" colspan="{len(head)}">{escape(row[0])}</th></tr>'
        return f"<tr{' class=ours' if strong else ''}>{cells('td', row)}</tr>"

    lines = [line(row, strong) for row, strong in rows]
    heading = f"<thead><tr>{cells('th', head)}</tr></thead>"
    return f'<div class="scroll" tabindex="0"><table>{heading}<tbody>{"".join(lines)}</tbody></table></div>'


def _head(results: Results) -> Iterator[str]:
    machine = results.machine
    yield "<h1>dualdiff: what derivatives cost</h1>"
    yield (
        f"<p>Measured on {escape(str(machine['when'])[:10])} on {escape(str(machine['processor']))} "
        f"({machine['cores']} cores, {escape(str(machine['target']))}), one thread, by a {results.pace} run "
        f"in {results.processes} fresh {'process' if results.processes == 1 else 'processes'} of each peer. "
        f"A ratio of 1 is the derivative written by hand and compiled by Numba: the limit. {worth(results)}</p>"
    )
    names = {"summary": "Summary", "sweeps": "Forward or reverse", "workloads": "Workloads", "machine": "Machine"}
    if not results.sweeps:
        del names["sweeps"]
    yield "<nav>" + "".join(f'<a href="#{name}">{title}</a>' for name, title in names.items()) + "</nav>"


def _summary(results: Results, pictures: dict[str, str]) -> Iterator[str]:
    rows = list(summary_rows(results))
    ahead = sum(row[-1].startswith(OURS) for row in rows)
    even, alone = (sum(row[-1] == word for row in rows) for word in ("even", "no rival"))
    yield '<h2 id="summary">Summary</h2>'
    yield (
        f"<p>Of {len(rows) - alone} comparisons with the fastest other peer, dualdiff is ahead in {ahead}, even in "
        f"{even}, and behind in {len(rows) - alone - ahead - even}.</p>"
    )
    head = ("workload", "called from", OURS, "best rival", "its ratio", "faster")
    cells = ((name, place, ours, rival.split(",")[0], its, faster) for name, place, _, ours, rival, its, faster in rows)
    summary = table(head, ((row, row[-1].startswith(OURS)) for row in cells), (0, 1, 3, 5))
    yield f'<div class="pair">{pictures.get("overview", "")}{summary}</div>'


def _sweeps(results: Results, pictures: dict[str, str]) -> Iterator[str]:
    if not results.sweeps:
        return
    yield '<h2 id="sweeps">Forward or reverse</h2>'
    for name, points in results.sweeps.items():
        rows = list(sweep_rows(points))
        words = escape(" ".join(crossing(points)))
        body = table(rows[0], ((row, row[0].startswith(OURS)) for row in rows[1:]), (0,))
        notes = "".join(f'<li class="failed">at {m.size} {escape(told)}</li>' for m in points for told in absences(m))
        yield f"<h3>{escape(name)}</h3><p>{words}</p>"
        yield f'<div class="pair">{pictures[f"sweep-{name}"]}<div>{body}<ul class="goals">{notes}</ul></div></div>'


def _workloads(results: Results, pictures: dict[str, str]) -> Iterator[str]:
    yield '<h2 id="workloads">Workloads</h2>'
    for measured in results.single:
        name = escape(measured.name)
        yield f'<h3 id="{name}">{escape(measured.title)} <span class="soft">{name}</span></h3>'
        body = table(("contestant", "median", f"x {LIMIT}", "quartiles"), _rows(measured), (0,))
        notes = "".join(_notes(measured))
        yield '<div class="pair">'
        yield pictures.get(f"workload-{measured.name}", "<span></span>")
        yield f'<div>{body}<ul class="goals">{notes}</ul></div></div>'


def _rows(measured: Measured) -> Iterator[tuple[Sequence[str], bool]]:
    rows = list(shown(measured))
    for place in measured.places:
        yield (f"{PLACES[place]}",), False
        ours = measured.ours(place)
        for key, timing in rows:
            if key.where == place:
                low, middle, high = map(duration, timing.seconds)
                yield (who(key), middle, ratio(timing), f"{low} .. {high}"), bool(ours and ours[0] == key)


def _notes(measured: Measured) -> Iterator[str]:
    for place, goal, used in verdicts(measured):
        verdict = f"{place}: {goal.variant} at most {goal}, uses {used:.2f} of it"
        yield f'<li class="{"goal" if used <= 1 else "missed"}">{escape(verdict)}</li>'
    yield from (f'<li class="failed">{escape(told)}</li>' for told in absences(measured))


def _machine(results: Results) -> Iterator[str]:
    yield '<h2 id="machine">Machine and versions</h2>'
    rows = {name: str(value) for name, value in results.machine.items() if name != "features"}
    rows["versions"] = ", ".join(f"{name} {number}" for name, number in results.versions.items())
    rows |= {f"missing: {peer}": reason for peer, reason in results.missing.items()}
    yield "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows.items()) + "</dl>"
    yield (
        "<p>Each peer runs in processes of its own, with its garbage collector off. Contestants take turns in rounds "
        "whose order changes; times are medians over rounds, and then over processes, a ratio is that to "
        f"{LIMIT} in the same round. All results agree before anything is timed. "
        "“Python”: each call is made from Python; “compiled”: the loop of calls is compiled too. "
        "The same on your machine: <code>python -m bench --report DIR</code>.</p>"
    )
