"""A submission: what one contender did on a board, in one JSON file that says so by its digest."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from mimolearn.board.forms import FORMAT, Cost, LinkEntry, Submission, Times
from mimolearn.board.links import Board, BoardLink
from mimolearn.board.packing import pack_point, unpack_point
from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import InvalidInputError, invalid, user_path
from mimolearn.foundation.plainmodel import describe_validation_error
from mimolearn.foundation.shipped import shipped_folder
from mimolearn.plans.contender import Contender
from mimolearn.plans.plan import canonical_snr
from mimolearn.results.comparison import Comparison, Curve, Provenance
from mimolearn.results.costs import CostReport

_MOST_BYTES = 2**26
# What decides counts, by room or module of the library.
_DECIDES = (
    "constellation", "snr.py", "detection.py", "weights.py", "foundation/tensors", "kernels",
    "link", "detectors", "quantizers", "plans", "studies/kinds", "exporting", "interop",
)  # fmt: skip


def spec_of(contender: Contender) -> str:
    """A contender as the command line takes it.

    Raises:
        InvalidInputError: for one that no text names.
    """
    options = {**contender.options, **contender.receiver.words()}
    if contender.quantizer:
        options["quantizer"] = contender.quantizer
    given = {k: str(v).lower() if isinstance(v, bool) else v for k, v in options.items()}
    plain = Contender.from_dict({**contender.to_dict(), "label": ""})
    if contender.label != plain.label:
        given["label"] = contender.label
    text = ",".join(f"{name}={value}" for name, value in given.items())
    spec = f"{contender.name}:{text}" if text else contender.name
    try:
        same = Contender.parse(spec).key() == contender.key()
    except InvalidInputError:
        same = False
    if contender.is_object or not same:
        expected = "one that a command line names, such as 'package.module:Name'"
        raise invalid("contender", contender.label, expected)
    return spec


def make_submission(
    board: Board,
    contender: Contender,
    results: Sequence[tuple[BoardLink, Comparison]],
    refused: Mapping[str, str],
    *,
    about: str = "",
    source: str = "",
) -> Submission:
    """What a contender did, as a submission.

    Args:
        board: the set of links.
        contender: one of those in the results.
        results: links with a comparison that has the contender; unfinished ones are left out.
        refused: why it does not serve a link, by name.
        about: what it is, for people.
        source: where its code or its paper is.

    Raises:
        InvalidInputError: for a contender without any finished link.
    """
    links = {}
    for link, result in results:
        curve = next((c for c in result.curves if c.contender.key() == contender.key()), None)
        if curve is not None and _is_whole(link, curve):
            links[link.name] = _entry(board, link, result, curve)
    if not links:
        raise InvalidInputError(
            f"contender {contender.label!r}: no link is finished; first run: "
            + shlex.join(["mimolearn", "board", "run", spec_of(contender)])
        )
    made = next(result.provenance for link, result in results if link.name in links)
    fields = {
        "format": FORMAT,
        "board_version": board.version,
        "board_sha256": board.digest,
        "contender": contender.to_dict(),
        "key": contender.key(),
        "spec": spec_of(contender),
        "about": about,
        "source": source,
        "library": dict(made.versions),
        "code_sha256": code_digest(),
        "date": made.date,
        "links": links,
        "refused": {name: reason[:300] for name, reason in refused.items()},
    }
    unsigned = Submission(**fields, sha256="0" * 64)
    return unsigned.model_copy(update={"sha256": unsigned.digest()})


def write_submission(submission: Submission, path: str | Path) -> Path:
    """Write a submission.

    Args:
        submission: what is written.
        path: of the file, or of a folder that gets LABEL.json.

    Returns:
        the path of the file.

    Raises:
        OSError: for a file that cannot be written.
    """
    path = user_path(path)
    if path.is_dir():
        kept = "".join(c if c.isalnum() or c in "-." else "-" for c in submission.label)
        path = path / f"{kept.strip('-')}.json"
    write_atomically(path, submission.to_json())
    return path


def read_submission(path: str | Path, board: Board) -> Submission:
    """Read a submission and see whether it fits a board and its own digest.

    Args:
        path: of the file.
        board: the set of links.

    Raises:
        InvalidInputError: one line, for a file that is no submission, was changed after it was
            made, or is of another board.
    """
    name = str(path)
    submission = _parse(name, _read(name))
    try:
        if submission.digest() != submission.sha256:
            expected = f"{submission.digest()}: the file was changed after it was made"
            raise invalid("sha256", submission.sha256, expected)
        if submission.board_sha256 != board.digest:
            had = f"version {submission.board_version}, {submission.board_sha256[:16]}"
            wanted = f"version {board.version}, {board.digest[:16]}, of this board"
            raise invalid("board_sha256", had, wanted)
        contender = Contender.from_dict(submission.contender)
        if contender.key() != submission.key:
            raise invalid("key", submission.key, f"{contender.key()}, that of its contender")
        for link_name, entry in submission.links.items():
            _check_entry(board, link_name, entry, contender)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error}") from None
    return submission


def shipped_submissions() -> tuple[Path, ...]:
    """Files of the submissions that come with the library, sorted."""
    folder = Path(str(shipped_folder("data/board/submissions")))
    return tuple(sorted(folder.glob("*.json")))


def curve_of(link: BoardLink, submission: Submission, label: str) -> Curve:
    """The curve of a submission on a link, of which the link's metric can be asked.

    Args:
        link: of the board.
        submission: that has the link.
        label: that it gets.
    """
    contender = Contender.from_dict({**submission.contender, "label": label})
    sizes = link.scenario.vectors_per_cluster, link.scenario.blocks_per_cluster
    points = submission.links[link.name].points
    return Curve(contender, tuple(unpack_point(p, link.metric, *sizes) for p in points))


def provenance_of(submission: Submission, machine: str) -> Provenance:
    """Where a submission is from."""
    return Provenance(dict(submission.library), machine, submission.date)


def code_digest() -> str:
    """64 hex digits of SHA-256 over the code of the library that decides counts."""
    digest, root = hashlib.sha256(), Path(str(shipped_folder("")))
    for name in _DECIDES:
        path = root / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _entry(board: Board, link: BoardLink, result: Comparison, curve: Curve) -> LinkEntry:
    by_key = {c.contender.key(): c.label for c in result.curves}
    timing = result.timings.get(curve.label)
    beside = result.timings.get(by_key.get(board.yardstick.key(), ""))
    cost: CostReport | None = result.costs.get(curve.label)
    return LinkEntry(
        scenario_key=link.scenario.key(),
        csi=link.csi(curve.contender),
        points=tuple(pack_point(point, link.metric) for point in curve.points),
        times=None if timing is None else Times.of(timing),
        yardstick=None if timing is None or beside is None else Times.of(beside),
        cost=None if cost is None else Cost(**cost._asdict()),
    )


def _is_whole(link: BoardLink, curve: Curve) -> bool:
    """Whether all SNRs have all chunks."""
    there = {canonical_snr(p.snr_db) for p in curve.points if p.counts.chunks == link.chunks}
    return there == {canonical_snr(snr) for snr in link.snr_db}


def _check_entry(board: Board, name: str, entry: LinkEntry, contender: Contender) -> None:
    link = board.link(name)
    try:
        if entry.scenario_key != link.scenario.key():
            raise invalid("scenario_key", entry.scenario_key, link.scenario.key())
        if entry.csi != link.csi(contender):
            raise invalid("csi", entry.csi, f"{link.csi(contender)!r}")
        snrs = [canonical_snr(point.snr_db) for point in entry.points]
        if snrs != [canonical_snr(snr) for snr in link.snr_db]:
            raise invalid("points", snrs, "the SNRs of the link, ascending")
        sizes = link.scenario.vectors_per_cluster, link.scenario.blocks_per_cluster
        for point in entry.points:
            counts = unpack_point(point, link.metric, *sizes).counts
            had, wanted = (counts.chunks, counts.vectors), (link.chunks, link.vectors)
            if had != wanted:
                raise invalid("counts", f"<{had} chunks and vectors>", f"{wanted}")
    except InvalidInputError as error:
        raise InvalidInputError(f"links.{name}.{error}") from None


def _read(name: str) -> bytes:
    try:
        with user_path(name).open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"{name}: cannot be read: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise InvalidInputError(f"{name}: larger than {_MOST_BYTES} bytes, no submission is")
    return data


def _parse(name: str, data: bytes) -> Submission:
    try:
        return Submission.model_validate_json(data)
    except ValidationError as error:
        text = describe_validation_error(error, Submission, "submission")
        raise InvalidInputError(f"{name}: {text}") from None
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error}") from None
