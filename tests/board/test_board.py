"""Submissions of a tiny board: made, read, counted again, refused; and how they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mimolearn as ml
from mimolearn import InvalidInputError
from mimolearn.board import (
    Submission,
    check_submission,
    load_board,
    make_submission,
    read_submission,
    refusal,
    run_board,
    same_contender,
    shipped_submissions,
    standings,
    write_submission,
)
from mimolearn.board.packing import StoredPoint, pack_point, point_digest, unpack_point
from mimolearn.board.submission import spec_of
from mimolearn.plans.contender import Contender
from mimolearn.plans.counts import Counts, ErrorPositions
from mimolearn.results.point import Point


def signed(submission: Submission, **changes: Any) -> Submission:
    """A submission with other content, signed anew as a forger would."""
    content = submission.model_dump(mode="json") | changes
    unsigned = Submission(**content)
    return unsigned.model_copy(update={"sha256": unsigned.digest()})


def named(submissions: list[Submission], label: str) -> Submission:
    return next(submission for submission in submissions if submission.label == label)


def refused(path: Path, board: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        read_submission(path, board)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_submission_comes_back_and_is_counted_again(board, submissions, tmp_path):
    for submission in submissions:
        again = read_submission(write_submission(submission, tmp_path), board)
        assert again == submission
        checks = check_submission(again, board)
        assert [check.link for check in checks] == list(submission.links)
        assert all(check.differences == () and check.points >= 2 for check in checks)


def test_what_a_submission_says_of_itself(board, submissions):
    told = named(submissions, "told")
    assert told.command() == "mimolearn board run lmmse:estimator=perfect,label=told"
    assert list(told.links) == ["slots"]
    assert set(told.refused) == {"small", "noisy"}
    assert "estimator" in told.refused["small"]
    zf = named(submissions, "zf").links["small"]
    assert zf.times is not None
    assert zf.yardstick is not None
    assert zf.times.machine == zf.yardstick.machine
    assert zf.cost is not None
    assert zf.cost.parameters == 0
    assert [point.counts["chunks"] for point in zf.points] == [2, 2, 2]


def test_a_changed_file_is_refused_in_one_line(board, submissions, tmp_path):
    path = write_submission(named(submissions, "zf"), tmp_path)
    content = json.loads(path.read_text("utf-8"))

    def write(change: Any) -> None:
        copy = json.loads(json.dumps(content))
        change(copy)
        path.write_text(json.dumps(copy), "utf-8")

    def count(copy: Any) -> None:
        copy["links"]["small"]["points"][0]["counts"]["bit_errors"] -= 1

    write(count)
    refused(path, board, "sha256: got .* the file was changed after it was made")
    write(lambda copy: copy["links"]["small"].update(times=None))
    refused(path, board, "the file was changed after it was made")
    write(lambda copy: copy.pop("key"))
    refused(path, board, "key: missing")
    write(lambda copy: copy.update(board_version="1"))
    refused(path, board, "board_version")
    write(lambda copy: copy.update(format="other/1"))
    refused(path, board, "format")
    for text in ("", "{", "[]", "\0"):
        path.write_text(text, "utf-8")
        refused(path, board, "submission|format|JSON")
    refused(tmp_path / "none.json", board, "cannot be read: No such file")


def test_a_forged_file_is_refused_or_counted_out(board, submissions, tmp_path):
    zf = named(submissions, "zf")
    path = tmp_path / "forged.json"

    def forged(change: Any, **changes: Any) -> Path:
        content = zf.model_dump(mode="json")
        change(content)
        return write_submission(signed(zf, **content | changes), path)

    def point(content: Any) -> Any:
        return content["links"]["small"]["points"][1]

    fewer = lambda c: point(c)["counts"].update(bit_errors=1)  # noqa: E731  # one of several
    refused(forged(fewer), board, r"links\.small\.wrong: its errors are not the ber errors")
    chunks = lambda c: point(c)["counts"].update(chunks=1)  # noqa: E731  # as above
    refused(forged(chunks), board, r"links\.small\.counts: got <\(1, 4096\)")
    refused(forged(lambda c: point(c).update(wrong="AAAA")), board, "no packed list")
    refused(forged(lambda c: point(c)["counts"].update(odd=1)), board, "counts: got 'odd'")
    csi = lambda c: c["links"]["slots"].update(csi="ideal")  # noqa: E731  # as above
    refused(forged(csi), board, "csi: got 'ideal', expected 'estimated'")
    snr = lambda c: point(c).update(snr_db=7.0)  # noqa: E731  # as above
    refused(forged(snr), board, "points: got .* the SNRs of the link")
    refused(forged(lambda c: None, key="0" * 16), board, "key: got '0000000000000000'")
    other = forged(lambda c: None, board_sha256="0" * 64)
    refused(other, board, "board_sha256: got 'version 1, 0000000000000000'")

    # Errors of another detector fit each other, and are found when they are counted again.
    stolen = named(submissions, "ml").model_dump(mode="json")["links"]
    forged(lambda c: c.update(links=stolen))
    forgery = read_submission(path, board)
    (check,) = check_submission(forgery, board, links=["small"])
    assert len(check.differences) == 3
    assert "bit errors" in check.differences[0]
    assert "in the file" in check.differences[0]


def test_only_the_same_contender_counts_again(submissions):
    zf = named(submissions, "zf")
    assert same_contender(zf).label == "zf"
    with pytest.raises(InvalidInputError, match=r"another than in the submission: .* differs"):
        same_contender(zf, Contender.parse("mrc"))
    with pytest.raises(InvalidInputError, match=r"contender 'zf': .*cannot import not_there"):
        same_contender(zf.model_copy(update={"spec": "not_there:Zf"}))


def test_ideal_and_estimated_channels_are_never_mixed(board, submissions):
    stands = standings(board, submissions)
    where = {(stand.csi, stand.link.name): stand for stand in stands}
    assert list(where) == [
        ("ideal", "small"),
        ("ideal", "slots"),
        ("noisy", "noisy"),
        ("estimated", "slots"),
    ]
    assert [line.label for line in where["ideal", "slots"].lines] == ["told"]
    assert "told" not in {line.label for line in where["estimated", "slots"].lines}


def test_gaps_are_those_of_a_comparison(board, submissions):
    """What comes back from files gives the same answers as the run itself."""
    link = board.link("small")
    result = ml.simulate(link.scenario, plan=link.plan(board_contenders("ml", "zf", "lmmse")))
    stand = standings(board, submissions)[0]
    for line in stand.lines:
        ours = result.required_snr(line.label)
        assert line.row.required == ours
        gap = result.gap("ml", line.label)
        assert line.gap == (gap if gap.value_db is not None else None)
    rates = {line.label: stand.answers.rates[line.label] for line in stand.lines}
    for curve in result.curves:
        ours = [(point.rate(), *point.interval()) for point in curve.points]
        assert [(r.value, r.low, r.high) for r in rates[curve.label]] == ours


def board_contenders(*specs: str) -> list[Contender]:
    return [Contender.parse(spec) for spec in specs]


def test_times_are_scaled_by_the_yardstick(board, submissions):
    """A machine of half the speed stands where it stood."""
    ml_ = named(submissions, "ml")
    content = ml_.model_dump(mode="json")
    for entry in content["links"].values():
        for times in (entry["times"], entry["yardstick"]):
            for name in ("vector_us", "latency_us", "estimate_us", "soft_us", "decode_us"):
                times[name] *= 2
    slow = signed(ml_, **content)
    others = [submission for submission in submissions if submission is not ml_]
    for before, after in zip(
        standings(board, submissions), standings(board, [*others, slow]), strict=True
    ):
        times = [
            {line.label: (line.row.time_us, line.rank) for line in stand.lines}
            for stand in (before, after)
        ]
        assert times[0].keys() == times[1].keys()
        for label, (time_us, rank) in times[0].items():
            assert times[1][label][0] == pytest.approx(time_us)
            assert times[1][label][1] == rank


def test_ranks_are_layers_of_the_frontier(board, submissions):
    lines = [line for stand in standings(board, submissions) for line in stand.lines]
    for line in lines:
        known = line.row.required.value_db is not None and line.row.time_us is not None
        assert (line.rank is not None) == known
        assert (line.rank == 1) == bool(line.row.on_frontier)


def test_a_second_submission_confirms_or_contradicts(board, submissions):
    zf = named(submissions, "zf")
    again = signed(zf, about="Counted by somebody else.", date="2027-01-01T00:00:00+00:00")
    lines = standings(board, [*submissions, again])[0].lines
    assert {line.label: line.confirmed for line in lines} == {"ml": 0, "zf": 1, "lmmse": 0}
    stolen = signed(zf, links=named(submissions, "ml").model_dump(mode="json")["links"])
    with pytest.raises(InvalidInputError, match="two submissions count differently on 'small'"):
        standings(board, [zf, stolen])


def test_one_label_for_two_contenders_gets_keys(board, submissions):
    zf = named(submissions, "zf").model_dump(mode="json")
    twin = named(submissions, "ml")
    zf["contender"] = {**zf["contender"], "label": "ml"}
    renamed = signed(twin, **{k: v for k, v in zf.items() if k != "sha256"})
    labels = {line.label for line in standings(board, [twin, renamed])[0].lines}
    assert labels == {"ml", f"ml [{renamed.key[:6]}]"}


def test_the_digest_is_of_what_is_drawn(folder, board, tmp_path):
    def digest(old: str, new: str, file: str = "board.toml") -> str:
        for name in ("board.toml", *(f"links/{link.name}.toml" for link in board.links)):
            text = (folder / name).read_text("utf-8")
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text.replace(old, new, 1) if name == file else text)
        return load_board(tmp_path).digest

    assert digest("Two streams.", "Other words.") == board.digest
    assert digest('reference = "ml"', 'reference = "zf"') == board.digest
    changes = (
        ("chunks = 2", "chunks = 3", "board.toml"),
        ("version = 1", "version = 2", "board.toml"),
        ("[2, 6, 10]", "[2, 6, 11]", "links/small.toml"),
        ("num_rx_ant = 3", "num_rx_ant = 4", "links/small.toml"),
        ("1e-2", "2e-2", "links/small.toml"),
    )
    digests = {digest(*change) for change in changes}
    assert len(digests | {board.digest}) == len(changes) + 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "noisy"', 'name = "small"', "links.name: got 'small'"),
        ('name = "noisy"', 'name = "../x"', "links.1.name"),
        ("chunks = 1", "chunks = 0", "chunks"),
        ('yardstick = "lmmse"', 'yardstick = "lmse"', "did you mean 'lmmse'"),
        ('reference = "ml"', 'reference = "mll"', "small.toml: "),
        ("version = 1\n", "", "version: missing"),
    ],
)
def test_a_board_s_file_is_checked(folder, tmp_path, old, new, message):
    for name in ("board.toml", "links/small.toml", "links/noisy.toml", "links/slots.toml"):
        text = (folder / name).read_text("utf-8")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text.replace(old, new, 1) if name == "board.toml" else text)
    with pytest.raises(InvalidInputError, match=message) as caught:
        load_board(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "spec",
    [
        "lmmse",
        "k-best:k=16,label=mine",
        "lmmse:biased=true",
        "lmmse:estimator=wiener:statistics=flat,llr_clip=20",
        "list-net-any",
    ],
)
def test_a_contender_is_told_as_the_command_line_takes_it(spec):
    contender = Contender.parse(spec)
    again = Contender.parse(spec_of(contender))
    assert (again.key(), again.label) == (contender.key(), contender.label)


def test_an_object_has_no_command_and_no_submission(board):
    def guess(y, h, noise_var):
        return torch.zeros((*y.shape[:-1], h.shape[-1]), dtype=torch.int64)

    mine = Contender.from_function(guess)
    (run,) = run_board(board, [mine], None, links=["small"])
    assert run.comparison is not None
    assert 0.4 < run.comparison.curve("guess").points[0].rate() < 0.6
    with pytest.raises(InvalidInputError, match="one that a command line names"):
        make_submission(board, mine, [(run.link, run.comparison)], {})


def test_hard_decisions_do_not_serve_slots(board):
    contender = Contender.parse("sphere")
    reasons = {link.name: refusal(link, contender) for link in board.links}
    assert reasons["small"] == reasons["noisy"] == ""
    assert "hard decisions only" in reasons["slots"]


def test_what_serves_no_link_is_said(board):
    oracle = Contender.parse("nn-det-2x2-64qam")
    with pytest.raises(InvalidInputError, match="does not serve any link of the board: const"):
        run_board(board, [oracle], None)


def test_packed_points_come_back():
    positions = ErrorPositions(np.array([0, 5, 70_000]), np.array([1, 9, 300]), np.array([1, 3, 7]))
    counts = Counts(2, 50_000, 100_000, 400_000, 800_000, 310, 11, 3, 0, 0, work=0)
    point = Point(3.5, counts, positions, 2, True)
    stored = StoredPoint(**json.loads(pack_point(point, "ber").model_dump_json()))
    assert stored.sha256 == point_digest(point)
    again = unpack_point(stored, "ber", 2, 1)
    assert again.counts == counts
    assert again.snr_db == 3.5
    assert (again.channel_errors("ber") == point.channel_errors("ber")).all()
    moved = ErrorPositions(np.array([0, 6, 70_000]), positions.bit_errors, positions.symbol_errors)
    assert point_digest(Point(3.5, counts, moved, 2, True)) != stored.sha256


def test_the_board_that_ships_is_whole():
    """All submissions are of this board, and a receiver of whole kernels counts the same."""
    board = load_board()
    submissions = [read_submission(path, board) for path in shipped_submissions()]
    assert {board.yardstick.key(), *(link.reference.key() for link in board.links)} <= {
        submission.key for submission in submissions
    }
    for name in ("4x4-16qam", "12x8-qpsk"):
        for label in ("lmmse", "ep"):
            (check,) = check_submission(named(submissions, label), board, links=[name])
            assert check.differences == (), (name, label)
