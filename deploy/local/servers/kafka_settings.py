"""The settings of the stack's broker, as Kafka reads them from its file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.broker.access import PLAINTEXT, SASL_SSL, SCRAM, SSL, BrokerAccess
from shared.broker.keys.certificates import Certificates
from shared.broker.keys.credentials import Credentials
from shared.broker.rights import ADMIN, BROKER, CERTIFICATE_NAMES, SUPER_USERS

LOG4J2: Final = """\
Configuration:
  status: warn
  Appenders:
    Console:
      name: console
      PatternLayout: {pattern: "%d{ISO8601} %p %m (%c)%n"}
  Loggers:
    Root:
      level: warn
      AppenderRef: {ref: console}
"""


# Of TLS 1.3. The first is five times as fast as AES where Java compiles little, as it does here:
# it knows the processor's instructions for AES in its other compiler alone.
_CIPHERS: Final = "TLS_CHACHA20_POLY1305_SHA256,TLS_AES_256_GCM_SHA384"


@dataclass(frozen=True)
class Listener:
    """One more address of a broker; its clients are told to connect to another port here.

    That port belongs to a proxy or a tunnel. The name is in capitals, as Kafka requires.
    """

    name: str
    port: int
    told_port: int


@dataclass(frozen=True)
class Security:
    """What makes a broker one that asks who comes: its certificates, and its own users.

    Whoever comes in by a certificate does so at a port of its own.
    """

    certificates: Certificates
    credentials: Credentials
    mutual_tls_port: int

    @property
    def mutual_tls(self) -> str:
        """The bootstrap servers for those who come in by a certificate."""
        return f"127.0.0.1:{self.mutual_tls_port}"

    def prepare(self) -> dict[str, str]:
        """Makes what is missing; the passwords of the broker itself and of its administrator."""
        self.certificates.prepare()
        return self.credentials.ensured(SUPER_USERS)

    def access(self, servers: str, user: str = ADMIN) -> BrokerAccess:
        """How a user comes in, who has a file among the credentials."""
        return BrokerAccess(
            servers,
            SASL_SSL,
            SCRAM,
            user,
            self.credentials.path(user),
            self.certificates.authority,
        )


def server_properties(
    port: int,
    data: Path,
    more: Sequence[Listener] = (),
    security: Security | None = None,
    password: str = "",
) -> str:
    """The settings of a broker that is its own controller, small enough for one machine.

    With ``security`` it asks for a user on every listener, by password or by certificate, and
    denies whatever is not granted; ``password`` is that of the broker's own user.
    """
    protocol = PLAINTEXT if security is None else SASL_SSL
    clients = {protocol: port} | {listener.name: listener.port for listener in more}
    told = {protocol: port} | {listener.name: listener.told_port for listener in more}
    protocols = dict.fromkeys(["CONTROLLER", *clients], protocol)
    if security is not None:
        for ports in (clients, told):
            ports[SSL] = security.mutual_tls_port
        protocols[SSL] = SSL
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{port + 1}
listeners={_at(clients)},{_at({"CONTROLLER": port + 1})}
advertised.listeners={_at(told)}
inter.broker.listener.name={protocol}
controller.listener.names=CONTROLLER
listener.security.protocol.map={",".join(f"{name}:{spoken}" for name, spoken in protocols.items())}
log.dir={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
""" + ("" if security is None else _secured(protocols, security, password))


def scram_arguments(passwords: Mapping[str, str]) -> list[str]:
    """What makes these users while the broker's folder is formatted."""
    return [
        argument
        for user, password in passwords.items()
        for argument in ("--add-scram", f"{SCRAM}=[name={user},password={password}]")
    ]


def _secured(protocols: Mapping[str, str], security: Security, password: str) -> str:
    certificates = security.certificates
    login = (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{BROKER}" password="{password}";'
    )
    mechanism = SCRAM.lower()
    logins = "\n".join(
        f"listener.name.{name.lower()}.{mechanism}.sasl.jaas.config={login}"
        for name, protocol in protocols.items()
        if protocol == SASL_SSL
    )
    return f"""\
sasl.enabled.mechanisms={SCRAM}
sasl.mechanism.inter.broker.protocol={SCRAM}
sasl.mechanism.controller.protocol={SCRAM}
{logins}
ssl.cipher.suites={_CIPHERS}
ssl.keystore.type=PEM
ssl.keystore.location={certificates.broker}
ssl.truststore.type=PEM
ssl.truststore.location={certificates.authority}
listener.name.{SSL.lower()}.ssl.client.auth=required
ssl.principal.mapping.rules={CERTIFICATE_NAMES}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users={";".join(f"User:{name}" for name in SUPER_USERS)}
"""


def _at(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
