"""Why an event did not arrive."""

from calls_core.errors.reasons import CallsError


class DeliveryFailed(CallsError):
    """An event could not be delivered."""

    code = "delivery-failed"


class ReceiverUnreachable(DeliveryFailed):
    """The receiver did not answer."""

    code = "receiver-unreachable"


class ReceiverRefused(DeliveryFailed):
    """The receiver did not accept the event."""

    code = "receiver-refused"


class AddressRefused(DeliveryFailed):
    """The address of the receiver is not one that we dial."""

    code = "address-refused"


class ReceiverGone(DeliveryFailed):
    """The receiver said that it wants no more events."""

    code = "receiver-gone"


class ReceiverFailing(DeliveryFailed):
    """The receiver has failed for days."""

    code = "receiver-failing"
