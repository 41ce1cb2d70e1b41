"""Names beside points: apart from each other and from other points, or left to hovering."""

from random import Random

from mimolearn.report.plots.labels import Mark, label_sides

WIDTH, HEIGHT = 880, 410


def box_of(name, mark, side, letter):
    wide, gap = letter * len(name), mark.radius + 1
    vertical, horizontal = side.split()
    left = {"right": mark.x + gap, "left": mark.x - gap - wide}.get(horizontal, mark.x - wide / 2)
    top = {"top": mark.y - gap - 15, "bottom": mark.y + gap}.get(vertical, mark.y - 7.5)
    return left, top, left + wide, top + 15


def meet(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_names_never_meet_and_those_off_the_frontier_may_be_missing():
    random = Random(3)
    hidden = 0
    for _ in range(100):
        marks = {}
        for i in range(14):
            x, y = random.uniform(40, WIDTH - 40), random.uniform(40, HEIGHT - 40)
            marks[f"receiver-{i}"] = Mark(x, y, 5, y - 12, y + 12)
        sides = label_sides(marks, [], [], WIDTH, HEIGHT)
        boxes = [box_of(n, marks[n], side, 6.2) for n, side in sides.items() if side is not None]
        for i, box in enumerate(boxes):
            assert min(box) >= 0
            assert box[2] <= WIDTH
            assert box[3] <= HEIGHT
            assert not any(meet(box, other) for other in boxes[:i])
        hidden += len(marks) - len(boxes)
    assert 0 < hidden < 100


def test_a_name_on_the_frontier_is_written_in_any_case():
    crowd = {f"receiver-{i}": Mark(100 + i, 100, 5, 90, 110) for i in range(30)}
    sides = label_sides(crowd, ["receiver-7"], [], 200, 200)
    assert sides["receiver-7"] is not None
    assert sum(side is None for side in sides.values()) > 20
