import java.io.IOException;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;

/** The jobs with Kafka Streams: no state, dead letters by a branch. */
public final class Jobs {
    private static final Set<String> STATUSES = Set.of("shipped", "delivered", "cancelled");

    /** A record's value, and the order that it is; or why it is none. */
    private record Read<T>(byte[] value, T order, String error) {
        static <T> Read<T> of(Orders<T> orders, byte[] value) {
            try {
                return new Read<>(value, orders.read(value), null);
            } catch (IOException | RuntimeException error) {
                return new Read<>(value, null, "" + error.getMessage());
            }
        }
    }

    public static void main(String[] arguments) {
        StreamsBuilder builder = new StreamsBuilder();
        KStream<byte[], byte[]> input =
                builder.stream(setting("INPUT"), Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()));
        if (setting("JOB").equals("copy")) {
            input.to(setting("OUTPUT"), Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
        } else if (setting("JOB").equals("order-status-avro")) {
            orderStatus(input, new AvroOrders());
        } else {
            orderStatus(input, new JsonOrders());
        }
        KafkaStreams streams = new KafkaStreams(builder.build(), properties());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            // A JVM that was told to end answers 143, however well it went.
            Runtime.getRuntime().halt(streams.state() == KafkaStreams.State.NOT_RUNNING ? 0 : 1);
        }));
        streams.start();
    }

    private static <T> void orderStatus(KStream<byte[], byte[]> input, Orders<T> orders) {
        Produced<byte[], byte[]> bytes = Produced.with(Serdes.ByteArray(), Serdes.ByteArray());
        input.mapValues(value -> Read.of(orders, value))
                .split()
                .branch(
                        (key, read) -> read.order() == null,
                        Branched.withConsumer(
                                broken -> broken.processValues(DeadLetter<T>::new).to(setting("DEAD_LETTERS"), bytes)))
                .branch(
                        (key, read) -> STATUSES.contains(orders.status(read.order())),
                        Branched.withConsumer(kept ->
                                kept.mapValues(read -> orders.enrich(read.order())).to(setting("OUTPUT"), bytes)));
    }

    /** The address with its first letter and its domain alone. */
    static String mask(String email) {
        int at = email.lastIndexOf('@');
        if (at < 0) {
            return "***";
        }
        boolean hides = email.codePointCount(0, at) > 1;
        String first = hides ? email.substring(0, email.offsetByCodePoints(0, 1)) : "";
        return first + "***" + email.substring(at);
    }

    /** The value as it came, and why in the headers. */
    private static final class DeadLetter<T> extends ContextualFixedKeyProcessor<byte[], Read<T>, byte[]> {
        @Override
        public void process(FixedKeyRecord<byte[], Read<T>> record) {
            context().recordMetadata().ifPresent(at -> {
                record.headers().add("partition", Integer.toString(at.partition()).getBytes());
                record.headers().add("offset", Long.toString(at.offset()).getBytes());
            });
            record.headers().add("reason", record.value().error().getBytes());
            context().forward(record.withValue(record.value().value()));
        }
    }

    private static Properties properties() {
        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, setting("GROUP"));
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, setting("BROKERS"));
        properties.put(StreamsConfig.STATE_DIR_CONFIG, setting("STATE"));
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, setting("DELIVERY"));
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Runtime.getRuntime().availableProcessors());
        // As often as the others commit, in each kind of delivery; 100 is the default of exactly_once_v2.
        boolean exactlyOnce = setting("DELIVERY").equals(StreamsConfig.EXACTLY_ONCE_V2);
        properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, exactlyOnce ? 100 : 1000);
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.ACKS_CONFIG), "all");
        properties.put(StreamsConfig.producerPrefix(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG), true);
        return properties;
    }

    static String setting(String name) {
        return System.getenv(name);
    }
}
