"""Credentials without a network: a client that is made while a fake is active has no need of it.

botocore asks for credentials when it makes a client, before any handler of ours is asked, and where it finds
none in files and variables it looks for a metadata service, or runs a program.
"""

from __future__ import annotations

import copy
import functools
from typing import Any, Final

from botocore.credentials import CredentialResolver
from botocore.exceptions import BotoCoreError
from botocore.session import Session

# They ask the network, or another program, when they are asked themselves.
_FAR_PROVIDERS: Final = ("iam-role", "container-role", "assume-role", "custom-process")


def with_local_credentials(session: Any) -> Any:
    """The session, but looking for credentials only where no network is needed.

    Those that are found stay with the client, so that it is a good one when the fake is gone.
    """
    if getattr(session.get_credentials, "__func__", None) is not Session.get_credentials:
        return session  # it has its own way
    twin = copy.copy(session)
    twin.get_credentials = functools.partial(_local_credentials, session)
    return twin


def _local_credentials(session: Any) -> Any:
    if session._credentials is not None:  # noqa: SLF001 - found earlier
        return session.get_credentials()
    resolver = session.get_component("credential_provider")
    if isinstance(resolver, CredentialResolver):
        local = [each for each in resolver.providers if each.METHOD not in _FAR_PROVIDERS]
        resolver = CredentialResolver(local)
    try:
        return resolver.load_credentials()
    except BotoCoreError:  # half configured: of no concern to a call that is not signed
        return None
