"""Sessions are bounded in number and time, and a form belongs to one browser."""

from services.viewer.sessions import Session, Sessions


class Hands:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def somebody(name: str = "Edith Marlow-Synth") -> Session:
    return Session("token", name, "person", "")


def test_a_session_is_found_by_its_name_until_it_ends() -> None:
    sessions = Sessions(10, 60)
    name = sessions.begin(somebody())
    assert sessions.of(name) is not None
    assert sessions.of(f"{name}x") is None
    assert sessions.of("") is None
    assert sessions.of("x" * 10_000) is None
    sessions.end(name)
    assert sessions.of(name) is None


def test_a_session_that_is_idle_ends_and_one_that_is_used_goes_on() -> None:
    hands = Hands()
    sessions = Sessions(10, 60, hands)
    name = sessions.begin(somebody())
    for hands.now in (50.0, 100.0):
        assert sessions.of(name) is not None
    hands.now = 161.0
    assert sessions.of(name) is None


def test_the_one_idle_longest_gives_way() -> None:
    sessions = Sessions(2, 60)
    first, second = sessions.begin(somebody()), sessions.begin(somebody())
    assert sessions.of(first) is not None
    third = sessions.begin(somebody())
    assert [sessions.of(name) is not None for name in (first, second, third)] == [
        True,
        False,
        True,
    ]


def test_a_form_is_good_at_the_browser_it_was_made_for_and_nowhere_else() -> None:
    sessions = Sessions(10, 60)
    key = sessions.form_key("one")
    assert sessions.is_form_of("one", key)
    assert not sessions.is_form_of("other", key)
    assert not sessions.is_form_of("one", "")
    assert not sessions.is_form_of("", sessions.form_key(""))
    assert not Sessions(10, 60).is_form_of("one", key), "another process has another secret"


def test_positions_of_own_contributions_are_bounded() -> None:
    session = somebody()
    for number in range(60):
        session.contributed(str(number), "position")
    assert len(session.positions) == 50
    assert "59" in session.positions
