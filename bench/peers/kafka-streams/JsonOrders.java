import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;

/** Orders as JSON, by Jackson. */
final class JsonOrders implements Orders<JsonOrders.Order> {
    private static final ObjectReader READER = JsonMapper.builder().build().readerFor(Order.class);
    private static final ObjectWriter WRITER = JsonMapper.builder().build().writerFor(Enriched.class);

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Order(String order_id, String status, long quantity, long price_cents, Customer customer) {}

    record Customer(String name, String email) {}

    record Enriched(
            String order_id, String status, long quantity, long price_cents, Customer customer, long total_cents) {}

    @Override
    public Order read(byte[] value) throws IOException {
        try {
            return READER.readValue(value);
        } catch (JsonProcessingException error) {
            throw new IOException(error.getOriginalMessage());
        }
    }

    @Override
    public String status(Order order) {
        return order.status();
    }

    @Override
    public byte[] enrich(Order order) {
        Customer customer = new Customer(order.customer().name(), Jobs.mask(order.customer().email()));
        long total = order.quantity() * order.price_cents();
        try {
            return WRITER.writeValueAsBytes(new Enriched(
                    order.order_id(), order.status(), order.quantity(), order.price_cents(), customer, total));
        } catch (JsonProcessingException error) {
            throw new IllegalStateException(error);
        }
    }
}
