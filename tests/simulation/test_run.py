import pytest

from mimolearn import InvalidInputError
from mimolearn.link.scenario import Scenario
from mimolearn.studies import RunPlan, load_comparison, parse_snr_db

SCENARIO = 'num_tx_ant = 2\nnum_rx_ant = 2\nconstellation = "qpsk"\n'


def write(tmp_path, text):
    path = tmp_path / "comparison.toml"
    path.write_text(SCENARIO + text)
    return path


def test_comparison_file(tmp_path):
    path = write(
        tmp_path,
        """[run]
        snr_db = "0:4:2"
        contenders = ["lmmse", {name = "lmmse", biased = true, label = "biased"}]
        metric = "ser"
        target = 0.01
        """,
    )
    scenario, plan = load_comparison(path)
    assert scenario == Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk")
    assert plan.snr_db == (0.0, 2.0, 4.0)
    assert [contender.label for contender in plan.contenders] == ["lmmse", "biased"]
    assert (plan.metric, plan.target, plan.floor_rate) == ("ser", 0.01, 0.001)


def test_run_table_is_optional(tmp_path):
    assert load_comparison(write(tmp_path, ""))[1].to_dict() == RunPlan().to_dict()


def test_plan_survives_json():
    plan = RunPlan(snr_db=[1, 0.5], contenders=["lmmse:biased=true"], floor=0.0)
    assert RunPlan.from_dict(plan.to_dict()).to_dict() == plan.to_dict()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[run]\nsnrdb = [1]", "run: snrdb: unknown key"),
        ("[run]\nsnr_db = []", "run: snr_db: .* at least one"),
        ("[run]\nsnr_db = [nan]", "run: snr_db: got nan"),
        ("[run]\nsnr_db = ['a']", "run: snr_db: got 'a'"),
        ("[run]\ntarget = 2", "run: target: got 2"),
        ("[run]\nmin_errors = 0", "run: min_errors: got 0"),
        ("[run]\nmin_errors = 1.5", "run: min_errors: got 1.5"),
        ("[run]\nmetric = 'per'", "run: metric: got 'per'"),
        ("[run]\ncontenders = ['lmmse', 'lmmse']", "run: contenders: got 'lmmse', expected a diff"),
        ("[run]\ncontenders = ['lmmse', 'lmmse:label=b']", "run: contenders: got 'b', .*'lmmse'"),
        ("[run]\ncontenders = []", "run: contenders: "),
        ("[run]\ncontenders = ['lmmse:biased=3']", "run: contenders.biased: got 3"),
        ("run = 3", "run: got 3, expected a table"),
    ],
)
def test_errors_name_file_and_field(tmp_path, text, message):
    with pytest.raises(InvalidInputError, match=f"comparison.toml: {message}") as caught:
        load_comparison(write(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0:1:0.1", tuple(round(0.1 * i, 6) for i in range(11))),
        ("3,1,3", (1.0, 3.0)),
        ("-2:1", (-2.0, -1.0, 0.0, 1.0)),
        (5, (5.0,)),
        ([2, 2 + 1e-9, -0.0], (0.0, 2.0)),
    ],
)
def test_snr_forms(value, expected):
    assert parse_snr_db(value) == expected


@pytest.mark.parametrize("value", ["1:0:1", "0:5:0", "a", "1:2:3:4", [True], 500, "0:1e9:1", ""])
def test_bad_snrs(value):
    with pytest.raises(InvalidInputError, match="snr_db"):
        parse_snr_db(value)
