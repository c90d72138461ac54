"""Local credentials: creating a client while a fake is active needs no network.

botocore looks for credentials when it creates a client, before it calls any handler. If files and variables
have none, it queries a metadata service or runs a program.
"""

from __future__ import annotations

import copy
import functools
from typing import Any, Final

from botocore.credentials import CredentialResolver
from botocore.exceptions import BotoCoreError
from botocore.session import Session

# Providers that use the network or run another program.
_REMOTE_PROVIDERS: Final = ("iam-role", "container-role", "assume-role", "custom-process")


def with_local_credentials(session: Any) -> Any:
    """Return a copy of the session that looks for credentials without the network.

    The client keeps the credentials that are found, so it works after the fake is deactivated.
    """
    if getattr(session.get_credentials, "__func__", None) is not Session.get_credentials:
        return session  # the user has replaced the method
    twin = copy.copy(session)
    twin.get_credentials = functools.partial(_local_credentials, session)
    return twin


def _local_credentials(session: Any) -> Any:
    if session._credentials is not None:  # noqa: SLF001 - found earlier
        return session.get_credentials()
    resolver = session.get_component("credential_provider")
    if isinstance(resolver, CredentialResolver):
        local = [each for each in resolver.providers if each.METHOD not in _REMOTE_PROVIDERS]
        resolver = CredentialResolver(local)
    try:
        return resolver.load_credentials()
    except BotoCoreError:  # an incomplete configuration; calls to the fake are not signed
        return None
