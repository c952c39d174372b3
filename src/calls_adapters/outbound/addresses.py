"""Which addresses may be dialled."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")
_GIVEN_OUT: Final = IPv6Network("2000::/3")
"""All IPv6 addresses of public hosts there are: outside, there are only more ways to write other ones, such as IPv4
translated by RFC 2765, and what nobody has been given yet."""

_NEVER: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "240.0.0.0/4",
        "2001::/23",
        "5f00::/16",
    )
)
"""Ranges that ``is_global`` calls global in some releases of Python 3.11, although no public host lives there."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Public addresses, and those in *allow*, which is how an operator opens a private range."""

    allow: tuple[Network, ...] = ()

    @classmethod
    def parsed(cls, cidrs: Sequence[str]) -> "AddressPolicy":
        """Return the policy for networks in CIDR notation.

        Raises:
            ValueError: one of them is not a network, or is an IPv6 form of IPv4 addresses, which would never match.
        """
        networks = tuple(ipaddress.ip_network(cidr) for cidr in cidrs)
        for network in networks:
            if isinstance(network, IPv6Network) and unwrapped(network.network_address).version == 4:  # noqa: PLR2004 (IPv4)
                msg = f"{network} wraps IPv4 addresses; write them as IPv4"
                raise ValueError(msg)
        return cls(networks)

    def permits(self, address: Address) -> bool:
        real = unwrapped(address)
        if any(real.version == network.version and real in network for network in self.allow):
            return True
        if any(real.version == network.version and real in network for network in _NEVER):
            return False
        if isinstance(real, IPv6Address) and real not in _GIVEN_OUT:
            return False
        return real.is_global and not real.is_multicast


def unwrapped(address: Address) -> Address:
    """Return the IPv4 host that an IPv6 form really reaches; judging the wrapper alone would let it through."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
