from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.off_topic import questions
from benchmarks.scale import clusters
from benchmarks.scale.clusters import Clusters, in_distribution, known_items, make_clusters
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text

ROWS = 300


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder(cache_dir=tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def made(embedder: Embedder) -> Clusters:
    return make_clusters(ROWS, seed=7, embed=embedding_with(embedder))


def embedding_with(embedder: Embedder) -> clusters.Embed:
    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        return embedder.embed([embedding_text(text) for text in texts])

    return embed


def test_the_same_seed_gives_the_same_tasks_vectors_and_queries(
    embedder: Embedder, made: Clusters
) -> None:
    again = make_clusters(ROWS, seed=7, embed=embedding_with(embedder))
    assert again.tasks == made.tasks
    np.testing.assert_array_equal(again.vectors, made.vectors)
    first, second = in_distribution(made, 20, seed=7), in_distribution(again, 20, seed=7)
    assert first.texts == second.texts
    np.testing.assert_array_equal(first.vectors, second.vectors)


def test_centres_have_the_vectors_that_the_model_gives_their_texts(
    embedder: Embedder, made: Clusters
) -> None:
    texts = [task.description for task in made.tasks[: made.centres]]
    np.testing.assert_allclose(
        made.vectors[: made.centres], embedding_with(embedder)(texts), atol=1e-6
    )


def test_variants_lie_around_their_centre_at_the_documented_distance(made: Clusters) -> None:
    position = {task.description: row for row, task in enumerate(made.tasks)}
    rows = range(made.centres, len(made.tasks))
    own = [position[made.tasks[row].description.split(": ", 1)[1]] for row in rows]
    assert max(own) < made.centres
    cosines = (made.vectors[list(rows)] * made.vectors[own]).sum(axis=1)
    assert cosines.mean() == pytest.approx(1 / np.sqrt(1 + clusters.NOISE**2), abs=0.01)


def test_all_vectors_have_length_one_and_all_texts_differ(made: Clusters) -> None:
    np.testing.assert_allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-5)
    assert len({task.description for task in made.tasks}) == len(made.tasks)


def test_queries_in_distribution_are_new_but_near(made: Clusters) -> None:
    asked = in_distribution(made, 30, seed=7)
    assert not {task.description for task in made.tasks} & set(asked.texts)
    nearest = (asked.vectors @ made.vectors.T).max(axis=1)
    assert nearest.min() > 0.85
    assert nearest.max() < 0.999


def test_queries_out_of_distribution_are_far_from_everything(
    embedder: Embedder, made: Clusters
) -> None:
    asked = clusters.out_of_distribution(30, seed=7, embed=embedding_with(embedder))
    assert (asked.vectors @ made.vectors.T).max() < 0.6


def test_landmarks_are_stored_texts_short_enough_to_be_shown_whole(made: Clusters) -> None:
    found = list(known_items(made))
    assert found
    assert {len(text) <= 100 for text in found} == {True}
    assert set(found) <= {task.description for task in made.tasks[: made.centres]}


def test_questions_differ_and_depend_on_the_seed() -> None:
    assert len(set(questions(500, seed=1))) == 500
    assert questions(50, seed=1) == questions(50, seed=1) != questions(50, seed=2)
