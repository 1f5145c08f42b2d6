from app.domain.catalogue import Track
from app.rnn.traits import Traits, traits_of

HEROES = Track("1", "Heroes", "David Bowie", year=1977, genre="Rock", tags=("epic", "Love", "love", "anthem", "piano"))


def test_a_track_has_the_traits_of_its_names_however_spelled() -> None:
    tags = ("love", "piano", "anthem", "epic")
    respelled = Track("2", "Other", "  david   BOWIE", year=1971, genre="rock", tags=tags)
    assert dict(traits_of(HEROES)) == dict(traits_of(respelled))


def test_many_tags_weigh_no_more_than_one() -> None:
    """Their squares add up to one, so a track with forty tags is not forty times as much of anything."""
    tags = [weight for (kind, _), weight in traits_of(HEROES) if kind == "tag"]
    assert tags == [0.5] * 4


def test_a_track_of_which_nothing_is_told_has_no_traits() -> None:
    assert list(traits_of(Track("3", "Untitled", ""))) == []


def test_a_matrix_says_which_track_has_which_trait() -> None:
    """A trait no track of the catalogue has is left out: nothing is known of it."""
    traits = Traits([Track("1", "A", "X", genre="jazz"), Track("2", "B", "Y", year=1999)])
    matrix = traits.matrix([Track("3", "C", "X", genre="polka"), Track("4", "D", "y", year=1991), Track("5", "E", "Z")])
    assert len(traits) == 4
    assert matrix.toarray().tolist() == [[1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
