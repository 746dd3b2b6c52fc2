"""Every kind of caller, by the headers that they send."""

from collections.abc import Iterator
from uuid import UUID, uuid4

from shared.ledger import Contributor, Organisation
from shared.testing.service import works_for
from shared.testing.tokens import TestIssuer, claims_of


def the_person(plan_id: UUID) -> Contributor:
    """The person whose plan it is."""
    return Contributor(kind="person", sub="the-person", name="Edith Marlow-Synth", plan_id=plan_id)


def callers(issuer: TestIssuer, plan_id: UUID) -> Iterator[dict[str, str]]:
    """Those who may and those who may not, and those whose token proves nothing."""
    nurse = works_for("ZZC01")
    yield issuer.bearer(nurse)
    yield issuer.bearer(works_for("ZZG01", "gp"))
    yield issuer.bearer(works_for("ZZG09", "operator"))
    yield issuer.bearer(works_for("ZZG09", "auditor"))
    for kind in ("person", "related-person"):
        for whose in (plan_id, uuid4()):
            somebody = Contributor(kind=kind, sub=kind, name="Ruth-Synth", plan_id=whose)
            yield issuer.bearer(somebody)
    yield issuer.bearer(
        Contributor(
            kind="system", sub="epr", name="Northmoor EPR", organisation=Organisation("ZZC01")
        )
    )
    yield {}
    signer = issuer.signer
    for claims in (
        signer.complete(claims_of(nurse), valid_for=-3600),
        {**signer.complete(claims_of(nurse), valid_for=3600), "aud": "somebody-else"},
    ):
        yield {"Authorization": f"Bearer {signer.encode(claims)}"}
    yield {"Authorization": "Bearer nonsense"}
    yield {"Authorization": "Basic bnVyc2U6bnVyc2U="}
