"""What a gateway sends is read as far as a client could have sent it."""

from broker.peers import REQUEST_MAX_BYTES
from broker.requests import BODY_MAX_BYTES
from broker.streams import LINE_MAX_BYTES
from tests.harness.router_alone import RouterAlone
from tests.unit.broker.making import GATEWAY, VAULT, A, an_execute, granted
from wire.codec import TO_EXECUTOR, TO_VAULT
from wire.messages import MintGrants, Run


def test_a_frame_that_no_client_could_fill_is_not_read_and_one_that_it_could_is_run() -> None:
    largest = bytes(max(BODY_MAX_BYTES, LINE_MAX_BYTES))
    with RouterAlone() as router:
        liar, honest = router.peer("gateway", GATEWAY), router.peer("gateway", "gateway-2.0000000f")
        vault, executor = router.peer("vault", VAULT), router.peer("executor", A)

        liar.say(an_execute(), bytes(REQUEST_MAX_BYTES + 1))
        assert vault.hears_nothing()

        honest.say(an_execute(), largest)
        question = TO_VAULT.decode(vault.hear()[0])
        assert isinstance(question, MintGrants)
        vault.say(granted(question.run_id, executor.incarnation))
        header, payload = executor.hear()
        assert isinstance(TO_EXECUTOR.decode(header), Run)
        assert payload == largest
