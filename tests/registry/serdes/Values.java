import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;

/** Random values of a schema. */
final class Values {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String[] TEXTS = {"a", "é", "😀", "\"", "\\", "\n", "\u0001", "\u2028", "N0", "S1", "1.5"};
    private final Random chance;

    Values(Random chance) {
        this.chance = chance;
    }

    /** A default that fits whatever it is for; null where there is none. */
    static Object simplest(Schema schema) {
        return switch (schema.getType()) {
            case NULL -> Schema.Field.NULL_DEFAULT_VALUE;
            case BOOLEAN -> true;
            case INT -> 7;
            case LONG -> Long.MIN_VALUE;
            case FLOAT -> 0.5f;
            case DOUBLE -> -1e300;
            case STRING -> schema.getLogicalType() == null ? "é\n" : null;
            case BYTES -> schema.getLogicalType() == null ? "\u0000\u00ff" : null;
            case ENUM -> schema.getEnumSymbols().get(0);
            case ARRAY -> List.of();
            case MAP -> Map.of();
            case UNION -> simplest(schema.getTypes().get(0));
            case FIXED, RECORD -> null;
        };
    }

    Object value(Schema schema, int depth) throws IOException {
        String logical = schema.getLogicalType() == null ? "" : schema.getLogicalType().getName();
        int count = depth <= 0 ? 0 : chance.nextInt(4);
        return switch (schema.getType()) {
            case NULL -> null;
            case BOOLEAN -> chance.nextBoolean();
            case INT -> (int) integer(32);
            case LONG -> integer(64);
            case FLOAT -> pick(0.0f, -0.0f, Float.NaN, Float.NEGATIVE_INFINITY, Float.MIN_VALUE, 0.1f,
                    number(Float.intBitsToFloat(chance.nextInt())).floatValue());
            case DOUBLE -> pick(0.0, -0.0, Double.NaN, Double.POSITIVE_INFINITY, Double.MIN_VALUE, 0.1,
                    number(Double.longBitsToDouble(chance.nextLong())).doubleValue());
            case BYTES -> ByteBuffer.wrap(bytes(schema, logical));
            case STRING -> logical.equals("uuid") ? new UUID(chance.nextLong(), chance.nextLong()) + "" : text();
            case FIXED -> new GenericData.Fixed(schema, fixed(schema, logical));
            case ENUM -> new GenericData.EnumSymbol(schema, pick(schema.getEnumSymbols().toArray()));
            case ARRAY -> {
                GenericData.Array<Object> all = new GenericData.Array<>(count, schema);
                for (int number = 0; number < count; number++) {
                    all.add(value(schema.getElementType(), depth - 1));
                }
                yield all;
            }
            case MAP -> {
                Map<String, Object> all = new LinkedHashMap<>();
                for (int number = 0; number < count; number++) {
                    all.put(text() + number, value(schema.getValueType(), depth - 1));
                }
                yield all;
            }
            case UNION -> {
                boolean ends = depth <= 0 && schema.isNullable();
                List<Schema> all = schema.getTypes();
                yield ends ? null : value(all.get(chance.nextInt(all.size())), depth - 1);
            }
            case RECORD -> {
                GenericRecord made = new GenericData.Record(schema);
                for (Schema.Field field : schema.getFields()) {
                    made.put(field.pos(), value(field.schema(), depth - 1));
                }
                yield made;
            }
        };
    }

    /** Random JSON; at its root an object with the field that its schema asks for. */
    JsonNode json(int depth, boolean root) {
        int kind = root ? 7 : chance.nextInt(depth > 0 ? 8 : 6);
        if (kind == 6) {
            ArrayNode all = JSON.createArrayNode();
            for (int number = chance.nextInt(4); number > 0; number--) {
                all.add(json(depth - 1, false));
            }
            return all;
        }
        if (kind == 7) {
            ObjectNode all = JSON.createObjectNode();
            for (int number = chance.nextInt(4); number > 0; number--) {
                all.set(text() + number, json(depth - 1, false));
            }
            return root ? all.put("id", text()) : all;
        }
        return JSON.valueToTree(switch (kind) {
            case 0 -> null;
            case 1 -> chance.nextBoolean();
            case 2 -> integer(64);
            case 3 -> pick(0.1, -1e300, 5e-324, 1.5);
            default -> text();
        });
    }

    private Number number(Number of) {
        return Double.isNaN(of.doubleValue()) ? Double.NaN : of;
    }

    private long integer(int bits) {
        long most = -1L >>> (65 - bits);
        return pick(0L, -1L, most, ~most, chance.nextLong() >> (64 - bits), (long) chance.nextInt(2000) - 1000);
    }

    private String text() {
        StringBuilder text = new StringBuilder();
        for (int number = chance.nextInt(6); number > 0; number--) {
            text.append(pick(TEXTS));
        }
        return text.toString();
    }

    private byte[] raw(int size) {
        byte[] bytes = new byte[size];
        chance.nextBytes(bytes);
        return bytes;
    }

    private byte[] bytes(Schema schema, String logical) throws IOException {
        if (logical.equals("decimal")) {
            return unscaled(((LogicalTypes.Decimal) schema.getLogicalType()).getPrecision()).toByteArray();
        }
        if (logical.equals("big-decimal")) {
            // Its digits as bytes, and its scale.
            ByteArrayOutputStream made = new ByteArrayOutputStream();
            BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(made, null);
            encoder.writeBytes(unscaled(40).toByteArray());
            encoder.writeInt(chance.nextInt(40) - 10);
            return made.toByteArray();
        }
        return raw(chance.nextInt(12));
    }

    private byte[] fixed(Schema schema, String logical) {
        if (!logical.equals("decimal")) {
            return raw(schema.getFixedSize());
        }
        BigInteger made = unscaled(((LogicalTypes.Decimal) schema.getLogicalType()).getPrecision());
        byte[] filled = new byte[schema.getFixedSize()];
        Arrays.fill(filled, (byte) (made.signum() < 0 ? -1 : 0));
        byte[] digits = made.toByteArray();
        System.arraycopy(digits, 0, filled, filled.length - digits.length, digits.length);
        return filled;
    }

    private BigInteger unscaled(int precision) {
        BigInteger limit = BigInteger.TEN.pow(1 + chance.nextInt(precision));
        BigInteger most = limit.subtract(BigInteger.ONE);
        BigInteger any = new BigInteger(200, chance).mod(limit);
        return pick(BigInteger.ZERO, most, most.negate(), any, any.negate());
    }

    @SafeVarargs
    private <T> T pick(T... all) {
        return all[chance.nextInt(all.length)];
    }
}
