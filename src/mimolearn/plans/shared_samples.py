"""Whether a contender was trained on the recorded samples that it is compared on."""

from __future__ import annotations

from mimolearn.link.channels import Recorded
from mimolearn.plans.contender import Contender
from mimolearn.plans.plan import AnyScenario
from mimolearn.weights import is_weights_name, read_card


def shared_samples(contender: Contender, link: AnyScenario) -> int:
    """Count recorded samples that both the training and a scenario draw from.

    Args:
        contender: of weights; one of anything else was trained on none.
        link: the scenario of the comparison.
    """
    channel = link.channel
    if not (isinstance(channel, Recorded) and is_weights_name(contender.name)):
        return 0
    trained = read_card(contender.name).recipe.get("scenario", {}).get("channel", {})
    if trained.get("sha256") != channel.sha256:
        return 0
    whole = (0, channel.num_file_samples)
    first, end = trained.get("sample_range") or whole
    start, stop = channel.sample_range or whole
    return max(0, min(end, stop) - max(first, start))
