import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;

/** Orders as Avro, by Apicurio's serdes in Confluent's format. */
final class AvroOrders implements Orders<GenericRecord> {
    private final Schema enriched;
    private final Schema customer;

    /** They keep what they have looked up, and are not made for several threads. */
    private final ThreadLocal<AvroKafkaDeserializer<GenericRecord>> deserializer = ThreadLocal.withInitial(() -> {
        AvroKafkaDeserializer<GenericRecord> made = new AvroKafkaDeserializer<>();
        made.configure(settings(), false);
        return made;
    });

    private final ThreadLocal<AvroKafkaSerializer<GenericRecord>> serializer = ThreadLocal.withInitial(() -> {
        AvroKafkaSerializer<GenericRecord> made = new AvroKafkaSerializer<>();
        made.configure(settings(), false);
        return made;
    });

    AvroOrders() {
        try {
            enriched = new Schema.Parser().parse(new File(Jobs.setting("SCHEMA")));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        customer = enriched.getField("customer").schema();
    }

    private static Map<String, Object> settings() {
        return Map.of(
                "apicurio.registry.url", Jobs.setting("REGISTRY") + "/apis/registry/v2",
                "apicurio.registry.as-confluent", true,
                "apicurio.registry.use-id", "contentId",
                "apicurio.registry.headers.enabled", false,
                "apicurio.registry.find-latest", true,
                // Asked for once: a request now and then is nobody's codec.
                "apicurio.registry.check-period-ms", 3_600_000,
                "apicurio.registry.artifact-resolver-strategy",
                        "io.apicurio.registry.serde.strategy.TopicIdStrategy");
    }

    @Override
    public GenericRecord read(byte[] value) {
        return deserializer.get().deserialize(Jobs.setting("INPUT"), value);
    }

    @Override
    public String status(GenericRecord order) {
        return order.get("status").toString();
    }

    @Override
    public byte[] enrich(GenericRecord order) {
        GenericRecord by = (GenericRecord) order.get("customer");
        GenericRecord masked = new GenericData.Record(customer);
        masked.put("name", by.get("name"));
        masked.put("email", Jobs.mask(by.get("email").toString()));
        GenericRecord made = new GenericData.Record(enriched);
        for (String field : new String[] {"order_id", "status", "quantity", "price_cents"}) {
            made.put(field, order.get(field));
        }
        made.put("customer", masked);
        made.put("total_cents", (long) order.get("quantity") * (long) order.get("price_cents"));
        return serializer.get().serialize(Jobs.setting("OUTPUT"), made);
    }
}
