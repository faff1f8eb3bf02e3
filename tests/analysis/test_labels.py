"""Labels of names that came from outside: visible, short, still told apart."""

from __future__ import annotations

from analysis.labels import labels, shortened, visible, wrapped


def test_control_characters_and_lone_surrogates_become_visible():
    assert "a b�c�" == visible("a\nb\x00c\ud800")
    assert "中文 é ×" == visible("中文 é ×")


def test_what_is_left_out_of_a_long_name_is_its_middle():
    assert "abc…xyz" == shortened("abcdefghijklmnopqrstuvwxyz", 7)
    assert "abc" == shortened("abc", 3)


def test_lines_end_after_a_separator_where_they_can():
    assert "width=1,precision=\nmixed_float16" == wrapped("width=1,precision=mixed_float16", 20, 2)
    assert all(len(line) <= 12 for line in wrapped("a" * 100 + ",b", 12, 3).split("\n"))
    assert 3 >= len(wrapped("a" * 100 + ",b", 12, 3).split("\n"))


def test_shortened_names_that_would_be_the_same_are_numbered():
    names = ["x" * 50 + middle + "y" * 50 for middle in "ab"]
    shown = labels(names, width=16, lines=1)
    assert 2 == len(set(shown.values()))
    assert all(len(label) <= 16 for label in shown.values())


def test_parts_that_all_long_names_share_are_left_out():
    names = [f"width={width},loader=device,precision=mixed_float16" for width in (1, 2)]
    assert ["width=1", "width=2"] == list(labels(names, width=20, lines=1).values())
    assert ["width=1,loader=x", "width=2,loader=x"] == list(
        labels(["width=1,loader=x", "width=2,loader=x"], width=20, lines=1).values()
    )


def test_an_empty_name_is_said_to_be_empty():
    assert {"": "(empty)"} == labels([""])


def test_every_factor_keeps_a_piece_of_its_level():
    names = [
        f"model={model},runtime={runtime},batch={batch}"
        for model in ("efficientnet_b3", "mobilenet_v3_large")
        for runtime in ("pytorch-float32", "pytorch-float16")
        for batch in (1, 32)
    ]
    shown = labels(names, width=24, lines=1)
    assert "effic…t_b3,pytor…at32,1" == shown[names[0]]
    assert 8 == len(set(shown.values()))
    assert not any("(" in label for label in shown.values())
    assert "model=efficientnet_b3,\nruntime=pytorch-float32," in labels(names, width=26, lines=3)[names[0]]
