"""How the trials of a run are chosen, and how one of them is named."""

from collections import Counter

import pytest

from tests.faults.__main__ import of_seed, spread
from tests.faults.catalogue import FAULTS
from tests.faults.load.sent import Party, Sent
from tests.faults.trial import never_accepted


@pytest.mark.parametrize("number", [1, len(FAULTS), 50, 200])
def test_trials_are_spread_over_the_faults_and_each_has_a_seed_of_its_own(number: int) -> None:
    trials = spread(list(FAULTS), number, "monday")

    times = Counter(trial.fault.name for trial in trials)
    assert len(trials) == len({trial.seed for trial in trials}) == number
    assert max(times.values()) - min(times[name] for name in FAULTS) <= 1


def test_the_same_seed_has_the_same_trials_and_another_has_others() -> None:
    names = list(FAULTS)

    assert spread(names, 5, "monday") == spread(names, 5, "monday")
    assert len({trial.fault for seed in "abcdef" for trial in spread(names, 5, seed)}) > 5


def test_a_trial_is_found_again_by_its_seed() -> None:
    [trial] = spread(["kill-plan"], 1, "monday")

    assert of_seed(trial.seed) == trial
    with pytest.raises(SystemExit):
        of_seed("monday/kill-nobody/1")


def sent(command: str, outcome: str, *, should_be_accepted: bool = True) -> Sent:
    return Sent(
        "goals",
        {"command": command, "content": {}},
        Party("person"),
        "http",
        "n",
        should_be_accepted=should_be_accepted,
        answers=[{"outcome": outcome}],
    )


def test_a_command_that_the_load_can_never_do_is_noticed() -> None:
    refused = [sent("a", "refused")] * 20
    assert never_accepted(refused) == ["a"]
    assert never_accepted([*refused, sent("a", "accepted")]) == []
    assert never_accepted(refused[:3]) == []


def test_what_is_sent_to_be_refused_says_nothing_of_what_the_load_can_do() -> None:
    refused = [sent("a", "refused", should_be_accepted=False)] * 20

    assert never_accepted(refused) == []
    assert never_accepted([*refused, *[sent("a", "refused")] * 14]) == []
