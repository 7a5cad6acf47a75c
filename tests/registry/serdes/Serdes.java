import com.fasterxml.jackson.databind.ObjectMapper;
import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import io.apicurio.registry.serde.avro.NonRecordContainer;
import io.apicurio.registry.serde.jsonschema.JsonSchemaKafkaDeserializer;
import io.apicurio.registry.serde.jsonschema.JsonSchemaKafkaSerializer;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.logging.LogManager;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Java's serializers and deserializers (Apicurio's, in Confluent's format) at both ends of a topic.
 *
 * <pre>
 *   Serdes write FORMAT BROKERS REGISTRY TOPIC RECORDS SCHEMAS SEED
 *   Serdes read FORMAT BROKERS REGISTRY TOPIC RECORDS SCHEMAS SEED
 *   Serdes reader SEED
 * </pre>
 *
 * FORMAT: avro, random records of random schemas; resolve, random records of one wide schema, which is read as the
 * schema that {@code reader} prints; json, random JSON. The same seed leads to the same records: read compares what it
 * reads with what was written, and fails where they differ.
 */
public final class Serdes {
    private static final String JSON_SCHEMA = "{\"$schema\":\"http://json-schema.org/draft-07/schema#\","
            + "\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"}},\"required\":[\"id\"]}";

    /** A value with its schema, and what it has to come back as. */
    private record Made(Object sent, Object expected) {}

    public static void main(String[] arguments) throws Exception {
        // What goes wrong is thrown.
        LogManager.getLogManager().reset();
        if (arguments[0].equals("reader")) {
            System.out.println(new Evolution(Long.parseLong(arguments[1])).reader);
            return;
        }
        String format = arguments[1];
        List<Made> all = make(
                format, Integer.parseInt(arguments[5]), Integer.parseInt(arguments[6]), Long.parseLong(arguments[7]));
        if (arguments[0].equals("write")) {
            write(format, arguments[2], arguments[3], arguments[4], all);
        } else {
            read(format, arguments[2], arguments[3], arguments[4], all);
        }
        System.out.println(all.size());
    }

    private static List<Made> make(String format, int records, int schemas, long seed) throws IOException {
        List<Made> all = new ArrayList<>();
        if (format.equals("resolve")) {
            Evolution evolution = new Evolution(seed);
            for (int number = 0; number < records; number++) {
                GenericRecord sent = (GenericRecord) evolution.values.value(evolution.writer, 5);
                all.add(new Made(sent, evolution.resolved(sent)));
            }
            return all;
        }
        for (int number = 0; number < schemas; number++) {
            Random chance = new Random(seed * 1_000_003 + number);
            Values values = new Values(chance);
            Schema schema = format.equals("json") ? null : new Schemas(chance).root();
            for (int of = 0; of < records / schemas; of++) {
                Object made = schema == null ? values.json(4, true) : values.value(schema, 6);
                boolean bare = made instanceof GenericRecord || schema == null;
                // Numbers of JSON as they are read: of the smallest class that holds them.
                Object expected = schema == null ? new ObjectMapper().readTree(made.toString()) : made;
                all.add(new Made(bare ? made : new NonRecordContainer<>(schema, made), expected));
            }
        }
        return all;
    }

    private static Map<String, Object> settings(String registry) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("apicurio.registry.url", registry);
        settings.put("apicurio.registry.as-confluent", true);
        settings.put("apicurio.registry.use-id", "contentId");
        settings.put("apicurio.registry.headers.enabled", false);
        settings.put("apicurio.registry.auto-register", true);
        settings.put("apicurio.registry.auto-register.if-exists", "RETURN_OR_UPDATE");
        // The subject is that of the topic, as it is with Confluent's.
        String strategy = "io.apicurio.registry.serde.strategy.TopicIdStrategy";
        settings.put("apicurio.registry.artifact-resolver-strategy", strategy);
        return settings;
    }

    private static void write(String format, String brokers, String registry, String topic, List<Made> all)
            throws Exception {
        Serializer<Object> serializer =
                format.equals("json") ? new JsonSchemaKafkaSerializer<>() : new AvroKafkaSerializer<>();
        Map<String, Object> settings = settings(registry);
        if (format.equals("json")) {
            // Its schema is nowhere in the values, but in a file on the class path.
            Path file = Files.createTempFile("schema", ".json");
            Files.writeString(file, JSON_SCHEMA);
            URL[] place = {file.getParent().toUri().toURL()};
            Thread.currentThread().setContextClassLoader(new URLClassLoader(place));
            settings.put("apicurio.registry.artifact.schema.location", file.getFileName().toString());
        }
        serializer.configure(settings, false);
        Map<String, Object> client = Map.of("bootstrap.servers", brokers, "linger.ms", 20);
        try (KafkaProducer<byte[], Object> producer =
                new KafkaProducer<>(client, new ByteArraySerializer(), serializer)) {
            List<Future<?>> sent = new ArrayList<>();
            for (int number = 0; number < all.size(); number++) {
                byte[] key = ("key-" + number).getBytes();
                sent.add(producer.send(new ProducerRecord<>(topic, 0, key, all.get(number).sent())));
            }
            for (Future<?> one : sent) {
                one.get();
            }
        }
    }

    private static void read(String format, String brokers, String registry, String topic, List<Made> all) {
        Deserializer<Object> deserializer =
                format.equals("json") ? new JsonSchemaKafkaDeserializer<>() : new AvroKafkaDeserializer<>();
        deserializer.configure(settings(registry), false);
        Map<String, Object> client = Map.of("bootstrap.servers", brokers, "auto.offset.reset", "earliest");
        try (KafkaConsumer<byte[], Object> consumer =
                new KafkaConsumer<>(client, new ByteArrayDeserializer(), deserializer)) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            int number = 0;
            while (number < all.size()) {
                List<ConsumerRecord<byte[], Object>> some = consumer.poll(Duration.ofSeconds(30)).records(partition);
                if (some.isEmpty()) {
                    throw new IllegalStateException("no record within 30 s behind record " + number);
                }
                for (ConsumerRecord<byte[], Object> record : some) {
                    Object expected = all.get(number).expected();
                    String difference = Difference.of(expected, record.value(), "");
                    if (difference != null) {
                        Object sent = all.get(number).sent();
                        String schema = sent instanceof GenericRecord of ? of.getSchema() + "\n" : "";
                        throw new IllegalStateException("record " + number + " " + difference + "\n" + schema + sent);
                    }
                    number++;
                }
            }
        }
    }
}
