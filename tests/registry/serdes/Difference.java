import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericEnumSymbol;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.IndexedRecord;

/** Compares values; NaN is equal to itself, and -0.0 is not 0.0. */
final class Difference {
    private Difference() {}

    /** Where two values differ; null where they do not. */
    static String of(Object expected, Object found, String path) {
        if (expected instanceof IndexedRecord one && found instanceof IndexedRecord other) {
            List<Schema.Field> fields = one.getSchema().getFields();
            if (!one.getSchema().getFullName().equals(other.getSchema().getFullName())
                    || fields.size() != other.getSchema().getFields().size()) {
                return at(path, one.getSchema(), other.getSchema());
            }
            String different = null;
            for (int at = 0; at < fields.size() && different == null; at++) {
                different = of(one.get(at), other.get(at), path + "." + fields.get(at).name());
            }
            return different;
        }
        if (expected instanceof Map<?, ?> one && found instanceof Map<?, ?> other) {
            Map<String, Object> all = new HashMap<>();
            other.forEach((key, value) -> all.put(key.toString(), value));
            String different = one.size() == all.size() ? null : at(path, expected, found);
            for (Map.Entry<?, ?> entry : one.entrySet()) {
                String key = entry.getKey().toString();
                if (different == null && !all.containsKey(key)) {
                    different = at(path, key, all.keySet());
                }
                if (different == null) {
                    different = of(entry.getValue(), all.get(key), path + "." + key);
                }
            }
            return different;
        }
        if (expected instanceof List<?> one && found instanceof List<?> other && one.size() == other.size()) {
            String different = null;
            for (int at = 0; at < one.size() && different == null; at++) {
                different = of(one.get(at), other.get(at), path + "[" + at + "]");
            }
            return different;
        }
        return same(expected, found) ? null : at(path, expected, found);
    }

    private static boolean same(Object expected, Object found) {
        if (expected instanceof CharSequence && found instanceof CharSequence) {
            return expected.toString().equals(found.toString());
        }
        if (expected instanceof GenericFixed one && found instanceof GenericFixed other) {
            return Arrays.equals(one.bytes(), other.bytes());
        }
        if (expected instanceof GenericEnumSymbol<?> && found instanceof GenericEnumSymbol<?>) {
            return expected.toString().equals(found.toString());
        }
        // Of numbers the classes differ where the branches of a union do, and NaN equals itself.
        return Objects.equals(expected, found);
    }

    private static String at(String path, Object expected, Object found) {
        String where = path.isEmpty() ? "the root" : path;
        return "at " + where + ": expected " + name(expected) + ", found " + name(found);
    }

    private static String name(Object value) {
        return value == null ? "null" : value + " (" + value.getClass().getSimpleName() + ")";
    }
}
