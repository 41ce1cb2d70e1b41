"""Published curves: read from a CSV file, drawn beside measured ones, and never an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.report import Answers, Published, read_published, verdict, write_report
from mimolearn.report.plots.curves import error_rate_plot
from mimolearn.report.plots.figures import error_rate_figure

CURVES = "label,snr_db,rate,source\nlmmse,5,0.004,fig. 3\nlmmse,1,0.03,\nDet$Net,1,0.02,fig. 3\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "published.csv"
    path.write_text(text, "utf-8")
    return path


def test_rows_become_curves_in_the_order_of_snr(tmp_path):
    assert read_published(written(tmp_path, "\ufeff" + CURVES)) == (
        Published("lmmse", ((1.0, 0.03), (5.0, 0.004))),
        Published("Det$Net", ((1.0, 0.02),)),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows, expected the columns label, snr_db, rate"),
        ("label,snr_db\na,1\n", "no column 'rate'"),
        ("label,snr_db,rate\na,1,0.1\na,x,0.1\n", r"csv:3: snr_db: got 'x', expected a number"),
        ("label,snr_db,rate\na,1\n", r"csv:2: rate: got None, expected a number"),
        ("label,snr_db,rate\na,inf,0.1\n", "snr_db: got inf, expected a finite number"),
        ("label,snr_db,rate\na,1,0\n", "rate: got 0.0, expected above 0 and at most 1"),
        ("label,snr_db,rate\na,1,nan\n", "rate: got nan, expected above 0 and at most 1"),
        ("label,snr_db,rate\n ,1,0.1\n", "a row without a label"),
        ("label,snr_db,rate\na,1,0.1\na,1,0.2\n", "'a' has two rates at one SNR"),
    ],
)
def test_what_is_no_curve_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        read_published(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match=r"overlay: .*absent\.csv cannot be read as CSV"):
        read_published(tmp_path / "absent.csv")


def test_published_curves_are_dashed_hollow_and_named(comparison, tmp_path):
    answers = Answers(comparison, read_published(written(tmp_path, CURVES)))
    plain = Answers(comparison)
    traces = {trace.name: trace for trace in error_rate_plot(answers).data}
    ours, theirs = traces["lmmse"], traces["lmmse (published)"]
    assert theirs.line.dash == "dash"
    assert theirs.marker.symbol.endswith("-open")
    assert theirs.line.color == ours.line.color
    assert traces["Det&#36;Net (published)"].line.color not in {
        style.colour for style in plain.look.values()
    }
    legend = error_rate_figure(answers).axes[0].get_legend()
    assert legend is not None
    assert "Det$Net (published)" in [text.get_text() for text in legend.get_texts()]
    assert verdict(answers) == verdict(plain)
    page = write_report(answers, tmp_path).read_text("utf-8")
    assert 'data-label="lmmse (published)"' in page
    assert "Published curves are dashed and hollow" in page


def test_results_draw_them_from_python(comparison, tmp_path):
    path = written(tmp_path, CURVES)
    lines = len(comparison.plot().lines)
    assert len(comparison.plot(overlay=path).lines) == lines + 2
    page = comparison.report(tmp_path / "made", overlay=path)
    assert "Det$Net (published)" in page.read_text("utf-8")
