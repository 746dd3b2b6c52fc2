"""Who comes in at the stack's broker: a user for each service and organisation, and its rights."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from deploy.local.servers.kafka_settings import Security
from deploy.organisations import Organisation
from shared.broker.access import SASL_SSL, SCRAM, BrokerAccess
from shared.broker.administration import BrokerAdministration
from shared.broker.declared import rights_of_organisation, rights_of_services
from shared.broker.keys.credentials import Credentials
from shared.broker.registry import ACTIVE, SUSPENDED, Registered, Registry
from shared.broker.rights import (
    is_of_a_service,
    is_of_organisation,
    user_of_organisation,
    user_of_service,
)
from shared.ledger.names import kebab


@dataclass(frozen=True)
class Admission:
    """Passwords and rights of one stack; the files in its folder are what counts."""

    folder: Path
    security: Security

    @property
    def registry(self) -> Registry:
        """The organisations of this stack."""
        return Registry(self.registry_file)

    @property
    def registry_file(self) -> Path:
        """Where they are written down."""
        return self.folder / "organisations.json"

    def register(self, declared: Collection[Organisation]) -> dict[str, Registered]:
        """Writes down the declared organisations that are new here; all there are, by code."""
        self.registry.put_new(*(Registered(one.code, one.name, one.roles) for one in declared))
        return self.registry.all()

    def admit(
        self, access: BrokerAccess, sections: Collection[str], services: Collection[str]
    ) -> None:
        """Gives every user a password and the declared rights, and takes others from services.

        What organisations were granted beside their own topics stays. One that is cut off has
        nothing afterwards, also where that was interrupted.
        """
        # Whoever gives `careplan org` at this moment waits, and finds what is given here.
        with self.registry.one_act(), BrokerAdministration(access) as broker:
            organisations = self.registry.all()
            active = [one.code for one in organisations.values() if one.state == ACTIVE]
            cut_off = [user for user, one in organisations.items() if one.state == SUSPENDED]
            users = [user_of_service(kebab(name)) for name in services]
            passwords = self._of_services.ensured(users)
            passwords |= self.security.credentials.ensured(map(user_of_organisation, active))
            wanted = rights_of_services(sections, organisations)
            for code in active:
                wanted |= rights_of_organisation(code)
            broker.set_passwords(passwords)
            there = broker.rights()
            broker.grant(wanted - there)
            broker.withdraw(
                right
                for right in there - wanted
                if is_of_a_service(right.user)
                or any(is_of_organisation(right.user, user) for user in cut_off)
            )
            broker.remove_users(cut_off)
            for user in cut_off:
                self.security.credentials.forget(user)
            broker.set_quotas(
                {user_of_organisation(one.code): one.quota for one in organisations.values()}
            )

    def environment(self, service: str) -> dict[str, str]:
        """What a service is told, to come in as its own user."""
        user = user_of_service(kebab(service))
        return {
            "CAREPLAN_KAFKA_PROTOCOL": SASL_SSL,
            "CAREPLAN_KAFKA_MECHANISM": SCRAM,
            "CAREPLAN_KAFKA_USER": user,
            "CAREPLAN_KAFKA_PASSWORD_FILE": str(self._of_services.path(user)),
            "CAREPLAN_KAFKA_CA_FILE": str(self.security.certificates.authority),
        }

    def told(self) -> dict[str, str]:
        """What `stack.json` says of it: where the certificate and the passwords are."""
        return {
            "protocol": SASL_SSL,
            "mechanism": SCRAM,
            "mutual_tls": self.security.mutual_tls,
            "ca": str(self.security.certificates.authority),
            "credentials": str(self.security.credentials.folder),
        }

    @property
    def _of_services(self) -> Credentials:
        return Credentials(self.security.credentials.folder / "services")
