"""What can go wrong with the embedded stack.

StackError
├── ConfigError            stack.toml, its environment variables, the data folder
├── MissingArtifactError   something `make setup` brings is not there
├── PortInUseError         another process listens where a server should
├── UnknownServiceError    no such service
└── ServiceFailedError     a server ended or did not become ready
"""

from __future__ import annotations


class StackError(Exception):
    """Root of the tree; the message is one a user can act on."""


class ConfigError(StackError):
    """stack.toml or an environment variable that overrides it is wrong."""


class MissingArtifactError(StackError):
    """A server's files are not there."""


class PortInUseError(StackError):
    """Another process listens on a port of the stack."""


class UnknownServiceError(StackError):
    """A service was named that the stack does not have."""


class ServiceFailedError(StackError):
    """A server ended while it started, or was not ready in time."""
