"""Models on the Hugging Face Hub: `hf://OWNER/REPO`, through `huggingface_hub`.

A repository holds what the folder of a run holds, a card `NAME.json` beside `NAME.weights.h5` and a
picture, and a README that is made from the card. Cache, token, mirrors (`HF_ENDPOINT`) and offline
mode (`HF_HUB_OFFLINE`) are those of `huggingface_hub`. What is in a repository isn't trusted: it
is loaded under the same checks as the folder of a run.
"""

import contextlib
import dataclasses
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from zoo.errors import (
    CardError,
    ChecksumError,
    DownloadError,
    InvalidInputError,
    WeightsNotFoundError,
    ZooError,
)
from zoo.hub import readme
from zoo.hub.cards import MAX_BYTES, ModelCard
from zoo.imports import import_optional

SCHEME = "hf://"
PACKAGE = '"keras-gan-zoo[hub]"'
WEIGHTS_SUFFIX = ".weights.h5"
_ADDRESS = re.compile(r"hf://(?P<owner>[\w.-]+)(/(?P<name>[\w.-]+)(@(?P<revision>[^@\s]+))?)?")


class Address(NamedTuple):
    """What an address says.

    Args:
        owner: str, a user or an organization.
        name: str, of a repository; `None` if the address is that of an owner.
        revision: str, a branch, tag or commit; `None` for the main branch.
    """

    owner: str
    name: str | None = None
    revision: str | None = None

    @property
    def repository(self) -> str:
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        return f"{SCHEME}{self.repository}" + (f"@{self.revision}" if self.revision else "")


def is_address(name: Any) -> bool:
    """Returns whether a model's name is an address on the hub."""
    return isinstance(name, str) and name.startswith(SCHEME)


def parse(address: str, owner: bool = False) -> Address:
    """Returns what an address says.

    Args:
        address: `hf://OWNER/REPO` or `hf://OWNER/REPO@REVISION`.
        owner: bool, expect `hf://OWNER` instead.

    Raises:
        InvalidInputError: If it is no such address.

    Example:

    >>> parse("hf://ann/digits@v2")
    Address(owner='ann', name='digits', revision='v2')
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or (match["name"] is None) != owner:
        expected = (
            f"{SCHEME}OWNER" if owner else f"{SCHEME}OWNER/REPO or {SCHEME}OWNER/REPO@REVISION"
        )
        raise InvalidInputError(f"Expected an address like {expected}. Received: {address!r}")
    return Address(**match.groupdict())


def fetch(address: str) -> Path:
    """Downloads a model's card, weights and picture, or finds them in the hub's cache.

    Nothing is downloaded that is larger than the card says. Without a connection, or with
    `HF_HUB_OFFLINE=1`, the revision that was loaded last is taken from the cache.

    Args:
        address: see `parse`.

    Returns:
        Path of the card, which has its weights beside it.

    Raises:
        InvalidInputError: If it is no address.
        WeightsNotFoundError: If there is no such repository or revision, or no model in it, or it
            is private and there is no token.
        CardError: If the card isn't sound, or there are several.
        ChecksumError: If the weights have another size than the card says.
        DownloadError: If the hub can't be reached, and the cache doesn't hold the model.
        MissingDependencyError: If `huggingface_hub` isn't installed.
    """
    place = parse(address)
    hub = _hub()
    with _explained(address) as errors:
        try:
            found = hub.HfApi().model_info(
                place.repository, revision=place.revision, files_metadata=True
            )
        except errors.HfHubHTTPError:
            raise  # the hub's answer
        except (OSError, _client_error(errors)):
            return _find_cached(hub, place)
        sizes = {file.rfilename: file.size or 0 for file in found.siblings}
        name = _name_of_model(address, sizes)
        if sizes[f"{name}.json"] > MAX_BYTES:
            raise CardError(f"The card of {address} has more than {MAX_BYTES:,} bytes.")

        def download(file, revision):
            return Path(hub.hf_hub_download(place.repository, file, revision=revision))

        # The card by the revision's own name, which the cache remembers then; the rest by commit.
        card = download(f"{name}.json", place.revision)
        commit = card.parent.name
        size = sizes[f"{name}{WEIGHTS_SUFFIX}"]
        expected = ModelCard.read(card).size
        if size != expected:
            raise ChecksumError(
                f"The weights of {address} aren't those that its card describes: expected "
                f"{expected} bytes. Received: {size}"
            )
        download(f"{name}{WEIGHTS_SUFFIX}", commit)
        if f"{name}.png" in sizes and sizes[f"{name}.png"] <= 10 * MAX_BYTES:
            download(f"{name}.png", commit)
    return card


def pin(address: str, card: Path) -> str:
    """Returns the address of the very revision that `fetch` found.

    Args:
        address: see `parse`.
        card: path that `fetch` returned: the hub's cache has a folder for each commit.
    """
    return str(parse(address)._replace(revision=card.parent.name))


def list_repositories(address: str) -> list[str]:
    """Returns the addresses of an owner's models of the zoo, sorted.

    Args:
        address: `hf://OWNER`.
    """
    place = parse(address, owner=True)
    hub = _hub()
    with _explained(address):
        found = list(hub.HfApi().list_models(author=place.owner, filter=readme.TAG))
    return sorted(f"{SCHEME}{item.id}" for item in found)


def push(
    model: Any,
    repository: str,
    *,
    card: ModelCard | None = None,
    private: bool = False,
    revision: str | None = None,
    **facts: str,
) -> str:
    """Publishes a model on the Hugging Face Hub: weights, card, picture and a README made of it.

    Args:
        model: the path of a run's folder; the name of a registered model with weights; or a model
            of the zoo, together with its `card`.
        repository: str, `OWNER/REPO`, which is made if it isn't there.
        card: `zoo.ModelCard` of a model that is given itself.
        private: bool, whether a repository that is made is private.
        revision: str, the branch to write to; the main one by default.
        **facts: texts of the card that a run can't know: `license` of the weights, `dataset`,
            `dataset_license`, `description`, `paper`, `limits`.

    Returns:
        str, the address of what was published, `hf://OWNER/REPO@COMMIT`.

    Raises:
        InvalidInputError: If `repository` isn't `OWNER/REPO`, or a model comes without its card.
        CardError: If the card lacks license, data set, its license, or the seed; nothing is sent.
        ChecksumError: If the weights aren't those that the card describes.
        WeightsNotFoundError: If there are no weights, or the hub knows no such owner.
        DownloadError: If the hub can't be reached or refuses.
        MissingDependencyError: If `huggingface_hub` isn't installed.

    Example:

    ```bash
    zoo push runs/photos ann/photos --license CC0 --dataset "own photographs" --dataset-license CC0
    python -c 'import zoo; model = zoo.load("hf://ann/photos")'
    ```
    """
    try:
        place = parse(repository if is_address(repository) else f"{SCHEME}{repository}")
    except InvalidInputError:
        raise InvalidInputError(
            f"Expected a repository like OWNER/REPO. Received: {repository!r}"
        ) from None
    if place.revision:
        raise InvalidInputError(
            f"Pass the branch to write to as `revision`. Received: {repository!r}"
        )
    unknown = sorted(set(facts) - set(readme.FACTS))
    if unknown:
        raise InvalidInputError(
            f"What can be said of a card is {', '.join(readme.FACTS)}. "
            f"Received: {', '.join(unknown)}"
        )
    with tempfile.TemporaryDirectory(prefix="zoo-push-") as folder:
        finished = _gather(model, card, facts, Path(folder))
        hub = _hub()
        (Path(folder) / "README.md").write_text(
            readme.write(hub, finished, place.repository), encoding="utf-8"
        )
        with _explained(f"{SCHEME}{place.repository}"):
            api = hub.HfApi()
            api.create_repo(place.repository, private=private, exist_ok=True)
            if revision is not None:
                api.create_branch(place.repository, branch=revision, exist_ok=True)
            commit = api.upload_folder(
                repo_id=place.repository,
                folder_path=folder,
                revision=revision,
                commit_message=f"{finished.name}: weights, card and picture",
            )
    return str(place._replace(revision=commit.oid))


def _gather(model, card, facts, folder):
    """Puts a model's weights, card and picture into a folder; returns the card."""
    from zoo.hub.download import sha256_of

    if isinstance(model, (str, os.PathLike)):
        from zoo.hub.loading import locate

        source, weights = locate(model)
        card = ModelCard.read(source)
        if sha256_of(weights) != card.sha256:
            raise ChecksumError(f"{weights} isn't the file that {source.name} describes.")
        shutil.copyfile(weights, folder / f"{card.name}{WEIGHTS_SUFFIX}")
        picture = source.with_name(f"{card.name}.png")
        if picture.is_file():
            shutil.copyfile(picture, folder / picture.name)
    elif card is None:
        raise InvalidInputError(
            "A model that is pushed itself needs its card: `zoo.push(model, repository, "
            "card=zoo.info(name))`; or push the folder of its run. "
            f"Received: {type(model).__name__}"
        )
    else:
        from zoo.hub.weights import save_weights

        weights = folder / f"{card.name}{WEIGHTS_SUFFIX}"
        save_weights(model, weights)
        card = dataclasses.replace(card, sha256=sha256_of(weights), size=weights.stat().st_size)
    card = dataclasses.replace(card, **facts)
    needed = ("license", "dataset", "dataset_license", "recipe.seed", "sha256")
    missing = [key for key in card.missing_for_release() if key in needed]
    if missing:
        raise CardError(
            f"The card of {card.name} lacks {', '.join(missing)}, without which others can't use "
            'the weights; nothing was sent. Pass what is missing: `license="CC0"`, for example, '
            "or `--license CC0`."
        )
    card.write(folder / f"{card.name}.json")
    return card


def _hub():
    return import_optional("huggingface_hub", PACKAGE)


def _find_cached(hub, place):
    folder = Path(
        hub.snapshot_download(place.repository, revision=place.revision, local_files_only=True)
    )
    name = _name_of_model(str(place), {path.name for path in folder.iterdir()})
    return folder / f"{name}.json"


def _name_of_model(address, files):
    """Returns the name of the one model whose card and weights are among a repository's files."""
    names = [
        file.removesuffix(WEIGHTS_SUFFIX)
        for file in files
        if file.endswith(WEIGHTS_SUFFIX) and f"{file.removesuffix(WEIGHTS_SUFFIX)}.json" in files
    ]
    names = [name for name in names if name.isidentifier()]
    if not names:
        raise WeightsNotFoundError(
            f"{address} holds no model of the zoo: expected NAME.json beside NAME{WEIGHTS_SUFFIX}. "
            f"Found: {', '.join(sorted(files)[:8]) or 'nothing'}"
        )
    if len(names) > 1:
        raise CardError(f"Expected one model in {address}. Found: {', '.join(sorted(names))}")
    return names[0]


@contextlib.contextmanager
def _explained(address):
    """Turns errors of the hub into the zoo's, which say what to do; yields the hub's."""
    errors = import_optional("huggingface_hub.errors", PACKAGE)
    try:
        yield errors
    except ZooError:
        raise
    except errors.RepositoryNotFoundError as error:
        raise WeightsNotFoundError(
            f"There is no repository at {address}, or it isn't open to you. Correct the address; "
            "or, if it is private or gated, run `hf auth login` or set HF_TOKEN."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise WeightsNotFoundError(
            f"There is no such branch, tag or commit: {address}. Leave out what follows `@` for "
            "the main branch."
        ) from error
    except errors.HFValidationError as error:
        raise InvalidInputError(f"{address} is no address: {_first_line(error)}") from error
    except errors.HfHubHTTPError as error:
        if error.response is not None and error.response.status_code in (401, 403):
            raise DownloadError(
                f"The hub wants to know who you are, or doesn't let you write to {address}. Run "
                "`hf auth login` or set HF_TOKEN, to a token that may write to push. "
                f"Received: {_first_line(error)}"
            ) from error
        raise DownloadError(f"The hub refused {address}: {_first_line(error)}") from error
    except (OSError, _client_error(errors)) as error:
        raise DownloadError(
            f"{address} can't be reached, and isn't in the cache. Check the connection, and "
            f"whether HF_HUB_OFFLINE is set. Received: {_first_line(error)}"
        ) from error


def _client_error(errors):
    """Returns the base class of the errors of the HTTP client that the hub's package uses."""
    return errors.HfHubHTTPError.__bases__[0]


def _first_line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0]
