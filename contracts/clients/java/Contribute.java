// Contributes through an organisation's inbox, and waits for a final receipt for each.
//
//     java -cp 'libs/*' Contribute.java connection.json contributions.json
//
// Needs Java 17, and in libs/ the jars of org.apache.kafka:kafka-clients and
// com.fasterxml.jackson.core:jackson-databind with what they depend on. Ends with 0 where each was
// accepted, 1 where one was refused, 2 where one has no answer yet; send those again as they are.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class Contribute {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration ANSWERED_WITHIN = Duration.ofSeconds(300); // all of them
    private static final Duration SENT_AGAIN_AFTER = Duration.ofSeconds(1);

    private final JsonNode connection;

    private Contribute(JsonNode connection) {
        this.connection = connection;
    }

    public static void main(String[] arguments) throws Exception {
        JsonNode connection = JSON.readTree(Path.of(arguments[0]).toFile());
        byte[] given = arguments[1].equals("-")
                ? System.in.readAllBytes()
                : Files.readAllBytes(Path.of(arguments[1]));
        JsonNode read = JSON.readTree(given);
        Map<String, JsonNode> open = new LinkedHashMap<>();
        for (JsonNode one : read.isArray() ? read : List.of(read)) {
            open.put(one.get("contribution_id").asText(), one);
        }
        int status;
        try {
            status = new Contribute(connection).contribute(open);
        } catch (KafkaException | ExecutionException failed) {
            System.err.println("not everything was answered (" + failed.getMessage() + "); send it again as it is");
            status = 2;
        }
        System.exit(status);
    }

    private int contribute(Map<String, JsonNode> open) throws Exception {
        boolean isRefused = false;
        long end = System.nanoTime() + ANSWERED_WITHIN.toNanos();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(ofTheProducer());
                KafkaConsumer<byte[], byte[]> receipts = new KafkaConsumer<>(ofTheConsumer())) {
            beginAtTheEnd(receipts);
            send(producer, open.values());
            while (!open.isEmpty()) {
                if (System.nanoTime() > end) {
                    System.err.println("not everything was answered; send it again as it is");
                    return 2;
                }
                for (ConsumerRecord<byte[], byte[]> record : receipts.poll(Duration.ofMillis(500))) {
                    JsonNode receipt = JSON.readTree(record.value());
                    String id = receipt.path("contribution_id").asText();
                    JsonNode contribution = open.get(id);
                    if (contribution == null) {
                        continue; // another client of this organisation
                    }
                    if (receipt.path("retryable").asBoolean()) {
                        Thread.sleep(SENT_AGAIN_AFTER.toMillis());
                        send(producer, List.of(contribution));
                        continue;
                    }
                    System.out.println(JSON.writeValueAsString(receipt));
                    isRefused |= !receipt.path("outcome").asText().equals("accepted");
                    open.remove(id);
                }
            }
        }
        return isRefused ? 1 : 0;
    }

    /** In this order; returns when the broker has all of them. */
    private void send(KafkaProducer<byte[], byte[]> producer, Iterable<JsonNode> contributions)
            throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode one : contributions) {
            // The client's own partitioner takes murmur2 of the key.
            ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                    connection.get("inbox").asText(),
                    bytes(one.get("plan_id").asText()),
                    JSON.writeValueAsBytes(one));
            headers(one).forEach((name, value) -> record.headers().add(name, bytes(value)));
            sent.add(producer.send(record));
        }
        for (Future<RecordMetadata> one : sent) {
            one.get();
        }
    }

    /** CloudEvents 1.0 in binary mode. */
    private Map<String, String> headers(JsonNode contribution) {
        return Map.of(
                "content-type", "application/json",
                "ce_specversion", "1.0",
                "ce_id", contribution.get("contribution_id").asText(),
                "ce_source", "urn:careplan:org:" + connection.get("org").asText(),
                "ce_type", contribution.get("command").asText());
    }

    /** No group: whoever contributes looks for its own receipts, from now on. */
    private void beginAtTheEnd(KafkaConsumer<byte[], byte[]> receipts) {
        List<TopicPartition> partitions = receipts.partitionsFor(connection.get("receipts").asText())
                .stream()
                .map(one -> new TopicPartition(one.topic(), one.partition()))
                .toList();
        receipts.assign(partitions);
        receipts.seekToEnd(partitions);
        partitions.forEach(receipts::position); // it seeks when it is asked
    }

    private Properties ofTheProducer() {
        Properties told = security();
        told.put("acks", "all");
        told.put("enable.idempotence", "true");
        told.put("key.serializer", ByteArraySerializer.class.getName());
        told.put("value.serializer", ByteArraySerializer.class.getName());
        return told;
    }

    private Properties ofTheConsumer() {
        Properties told = security();
        told.put("enable.auto.commit", "false");
        told.put("key.deserializer", ByteArrayDeserializer.class.getName());
        told.put("value.deserializer", ByteArrayDeserializer.class.getName());
        return told;
    }

    /** Where the broker is, and who we are; nothing where it asks for nothing. */
    private Properties security() {
        Properties told = new Properties();
        told.put("bootstrap.servers", connection.get("bootstrap").asText());
        if (connection.hasNonNull("ca")) {
            told.put("ssl.truststore.type", "PEM");
            told.put("ssl.truststore.location", connection.get("ca").asText());
        }
        if (connection.hasNonNull("certificate")) {
            told.put("security.protocol", "SSL");
            told.put("ssl.keystore.type", "PEM"); // a file with the key, and then the certificate
            told.put("ssl.keystore.location", connection.get("certificate").asText());
        } else if (connection.hasNonNull("username")) {
            told.put("security.protocol", "SASL_SSL");
            told.put("sasl.mechanism", "SCRAM-SHA-512");
            told.put("sasl.jaas.config", String.format(
                    "org.apache.kafka.common.security.scram.ScramLoginModule required "
                            + "username=\"%s\" password=\"%s\";",
                    quoted("username"), quoted("password")));
        }
        return told;
    }

    /** As it stands between quotation marks. */
    private String quoted(String name) {
        return connection.get(name).asText().replace("\\", "\\\\").replace("\"", "\\\"");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
