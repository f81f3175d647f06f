from pathlib import Path

import pytest

from benchmarks.scale import child, dataset
from benchmarks.scale.peers import PEERS, Peer, chosen
from mcp_learning.errors import InvalidInput


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("peers") / "rows-200"
    dataset.make_dataset(made, 200, seed=3, progress=lambda *_: None, queries=20)
    return made


# In a child each, as in a benchmark: together in one process, some of these libraries crash.
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_that_is_installed_finds_the_true_neighbours(peer: Peer, directory: Path) -> None:
    if peer.missing:
        pytest.skip(f"not installed: {', '.join(peer.missing)}")
    outcome = child.run("peer", directory, queries=20, pinned=True, name=peer.name)
    assert outcome["kind"] == peer.kind
    assert outcome["in"]["samples"] == 20
    assert outcome["in"]["recall"] >= (1.0 if peer.kind == "exact" else 0.95)
    assert outcome["out"]["recall"] >= (1.0 if peer.kind == "exact" else 0.8)


def test_all_means_every_peer() -> None:
    assert chosen("all") == list(PEERS)
    assert chosen("") == []


def test_peers_are_chosen_by_name_in_the_given_order() -> None:
    assert [peer.name for peer in chosen("hnswlib, usearch")] == ["hnswlib", "usearch"]


def test_an_unknown_peer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"'annoy'.*usearch.*sqlite-vec"):
        chosen("annoy")


def test_a_peer_that_is_not_installed_says_what_is_missing() -> None:
    absent = Peer("none", "exact", ("json", "no_such_module"), "none", lambda *_: lambda *_: ())
    assert absent.missing == ["no_such_module"]
