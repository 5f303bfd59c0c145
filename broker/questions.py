"""What dispatch asks the vault, and what it has an executor run; pure."""

from broker.grant_cache import Held
from broker.in_flight import Flight
from wire.messages import (
    Connect,
    ConnectDynamic,
    ConnectionStatus,
    Disconnect,
    EndLease,
    Execute,
    ListConnections,
    ListNamed,
    MintGrants,
    OpenDynamic,
    OpenLease,
    Run,
    TellLease,
    ToVault,
)
from wire.names import ConnectionId, Incarnation, Principal, RunId
from wire.usage import Usage


def question(flight: Flight, executors: tuple[Incarnation, ...], usage: Usage) -> ToVault:
    """Return what the vault is asked for the request in *flight*; *usage* is its lease's."""
    run_id = flight.run_id
    match flight.asked:
        case Connect(principal=principal, name=name, deadline_ms=deadline_ms):
            return OpenLease(
                run_id=run_id,
                principal=principal,
                name=name,
                executors=executors,
                deadline_ms=deadline_ms,
            )
        case ConnectDynamic() as asked:
            return OpenDynamic(
                run_id=run_id,
                principal=asked.principal,
                destination=asked.destination,
                sealed=asked.sealed,
                executors=executors,
                deadline_ms=asked.deadline_ms,
            )
        case Execute(principal=principal, connection_id=connection_id):
            return mint_grants(run_id, principal, connection_id, executors)
        case Disconnect(principal=principal, connection_id=connection_id):
            return EndLease(run_id=run_id, principal=principal, connection_id=connection_id)
        case ListConnections(principal=principal):
            return ListNamed(run_id=run_id, principal=principal)
        case ConnectionStatus(principal=principal, connection_id=connection_id):
            return TellLease(
                run_id=run_id, principal=principal, connection_id=connection_id, usage=usage
            )


def mint_grants(
    run_id: RunId,
    principal: Principal,
    connection_id: ConnectionId,
    executors: tuple[Incarnation, ...],
) -> MintGrants:
    """Return the question for fresh grants of an open lease."""
    return MintGrants(
        run_id=run_id, principal=principal, connection_id=connection_id, executors=executors
    )


def end_lease(run_id: RunId, principal: Principal, connection_id: ConnectionId) -> EndLease:
    """Return the question that ends a lease whose id nobody learned."""
    return EndLease(run_id=run_id, principal=principal, connection_id=connection_id)


def run(
    flight: Flight, lease: ConnectionId, held: Held, executor: Incarnation, *, now: float
) -> Run:
    """Return what *executor* is to run, by whichever is less: the request's time or the lease's."""
    left_ms = max(0, int((flight.deadline - now) * 1000))
    return Run(
        run_id=flight.run_id,
        connection_id=lease,
        pool=held.pool,
        engine=held.engine,
        grant=held.grants.get(executor, b""),
        deadline_ms=min(left_ms, held.statement_ms),
    )
