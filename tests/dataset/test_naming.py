"""Which spellings are one track, its id, and the spelling shown."""

from app.dataset.naming import Joining, Naming, Spelling, name_tracks
from app.domain.spelling import derived_id


def naming(*spellings: tuple[str, str, str, int], joining: Joining | None = None) -> Naming:
    return name_tracks(
        [Spelling(*spelling, first_row=place) for place, spelling in enumerate(spellings)], joining or Joining()
    )


def test_case_white_space_and_composition_make_no_other_track() -> None:
    named = naming(("", "Björk", "Jóga", 2), ("", "BJO\u0308RK", " jóga ", 5), ("", "Björk", "Hunter", 9))
    assert named.track_of_spelling[0] == named.track_of_spelling[1] != named.track_of_spelling[2]
    assert named.shown[named.track_of_spelling[0]].artist == "BJO\u0308RK"


def test_the_same_names_always_give_the_same_id() -> None:
    one, two = naming(("", "Can", "Halleluwah", 1)), naming(("", "x", "y", 9), ("", "CAN", "halleluwah", 3))
    assert one.track_ids[0] == two.track_ids[two.track_of_spelling[1]] == derived_id("can\x1fhalleluwah")
    assert one.track_ids[0] == "bt4opifwk3ks6dyt"


def test_an_id_is_the_track_whatever_its_spelling() -> None:
    named = naming(("t1", "Can", "Halleluwah", 1), ("t1", "Can", "Hallelujah", 2), ("t2", "Can", "Halleluwah", 9))
    assert list(named.track_of_spelling) == [1, 1, 0]
    assert named.shown[1].title == "Hallelujah"


def test_an_event_without_id_joins_the_most_frequent_id_of_its_names() -> None:
    named = naming(("", "Can", "Halleluwah", 99), ("t1", "Can", "Halleluwah", 1), ("t2", "can", "halleluwah", 2))
    assert [named.track_ids[row] for row in named.track_of_spelling] == ["t2", "t1", "t2"]


def test_ids_of_the_same_names_are_joined_on_request() -> None:
    named = naming(("t1", "Can", "Halleluwah", 1), ("t2", "can", "halleluwah", 2), joining=Joining(by_name=True))
    assert named.track_ids == ["t2"]


def test_suffixes_are_joined_on_request_only() -> None:
    spellings = (("", "Rihanna", "Umbrella", 1), ("", "Rihanna", "Umbrella (feat. Jay-Z) - 2008 Remaster", 2))
    assert len(naming(*spellings).track_ids) == 2
    assert len(naming(*spellings, joining=Joining(featuring=True)).track_ids) == 1
    assert len(naming(("", "x", "Heroes", 1), ("", "x", "Heroes - 2017 Remaster", 2)).track_ids) == 2
    joined = naming(("", "x", "Heroes", 1), ("", "x", "Heroes - 2017 Remaster", 2), joining=Joining(releases=True))
    assert joined.track_ids == [derived_id("x\x1fheroes")]


def test_a_title_is_shown_rather_than_none() -> None:
    named = naming(("t1", "", "", 9), ("t1", "Can", "Halleluwah", 1))
    assert named.shown[0].title == "Halleluwah"
