import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.LogicalType;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;

/** A random schema of everything that Avro has; names are given once. */
final class Schemas {
    private static final Schema.Type[] LEAVES = {
        Schema.Type.NULL, Schema.Type.BOOLEAN, Schema.Type.INT, Schema.Type.LONG, Schema.Type.FLOAT,
        Schema.Type.DOUBLE, Schema.Type.BYTES, Schema.Type.STRING
    };
    private final Random chance;
    private final List<Schema> done = new ArrayList<>();
    private final List<Schema> open = new ArrayList<>();
    private int count;

    Schemas(Random chance) {
        this.chance = chance;
    }

    Schema root() {
        return chance.nextInt(5) == 0 ? any(4) : record(5);
    }

    /** A type that is made of no other. */
    Schema leaf() {
        return Schema.create(LEAVES[chance.nextInt(LEAVES.length)]);
    }

    Schema any(int depth) {
        switch (chance.nextInt(depth > 0 ? 12 : 7)) {
            case 0, 1:
                return leaf();
            case 2, 3, 4:
                return logical();
            case 5:
                return done.isEmpty() ? named() : done.get(chance.nextInt(done.size()));
            case 6:
                return named();
            case 7:
                return Schema.createArray(closed(depth));
            case 8:
                return Schema.createMap(closed(depth));
            case 9, 10:
                return union(depth);
            default:
                return record(depth);
        }
    }

    /** What arrays and maps hold: Apicurio cannot register a record that holds itself below one. */
    private Schema closed(int depth) {
        List<Schema> around = List.copyOf(open);
        open.clear();
        Schema made = any(depth - 1);
        open.addAll(around);
        return made;
    }

    /** What a union with null may hold: the record around it, too. */
    private Schema inner(int depth) {
        boolean recurs = !open.isEmpty() && chance.nextInt(6) == 0;
        return recurs ? open.get(chance.nextInt(open.size())) : any(depth - 1);
    }

    private Schema logical() {
        Schema of = Schema.create(Schema.Type.INT);
        Schema wide = Schema.create(Schema.Type.LONG);
        Schema bytes = Schema.create(Schema.Type.BYTES);
        return switch (chance.nextInt(15)) {
            case 0 -> LogicalTypes.date().addToSchema(of);
            case 1 -> LogicalTypes.timeMillis().addToSchema(of);
            case 2 -> LogicalTypes.timeMicros().addToSchema(wide);
            case 3 -> LogicalTypes.timestampMillis().addToSchema(wide);
            case 4 -> LogicalTypes.timestampMicros().addToSchema(wide);
            case 5 -> new LogicalType("timestamp-nanos").addToSchema(wide);
            case 6 -> LogicalTypes.localTimestampMillis().addToSchema(wide);
            case 7 -> LogicalTypes.localTimestampMicros().addToSchema(wide);
            case 8 -> new LogicalType("local-timestamp-nanos").addToSchema(wide);
            case 9 -> LogicalTypes.uuid().addToSchema(Schema.create(Schema.Type.STRING));
            case 10 -> new LogicalType("big-decimal").addToSchema(bytes);
            case 11 -> new LogicalType("duration").addToSchema(fixed(12));
            case 12 -> new LogicalType("uuid").addToSchema(fixed(16));
            case 13 -> LogicalTypes.decimal(18, 5).addToSchema(fixed(9));
            default -> LogicalTypes.decimal(30, chance.nextInt(30)).addToSchema(bytes);
        };
    }

    private Schema named() {
        Schema made;
        if (chance.nextBoolean()) {
            List<String> symbols = List.of("S0", "S1", "S2", "S3", "S4").subList(0, 1 + chance.nextInt(5));
            String byDefault = chance.nextBoolean() ? symbols.get(0) : null;
            made = Schema.createEnum(name(), null, null, symbols, byDefault);
        } else {
            made = fixed(chance.nextInt(20));
        }
        if (chance.nextInt(3) == 0) {
            made.addAlias("Old" + made.getName());
        }
        done.add(made);
        return made;
    }

    private Schema fixed(int size) {
        return Schema.createFixed(name(), null, null, size);
    }

    private String name() {
        String space = List.of("", "a.", "b.c.").get(chance.nextInt(3));
        return space + "N" + count++;
    }

    private Schema union(int depth) {
        Map<String, Schema> branches = new LinkedHashMap<>();
        int wanted = 1 + chance.nextInt(6);
        boolean isNull = chance.nextInt(4) > 0;
        for (int number = 0; number < wanted; number++) {
            // Without null nothing ends a record that holds itself.
            Schema branch = isNull ? inner(depth) : any(depth - 1);
            if (branch.getType() != Schema.Type.UNION) {
                branches.putIfAbsent(branch.getFullName(), branch);
            }
        }
        List<Schema> all = new ArrayList<>(branches.values());
        if (isNull && !branches.containsKey("null") || all.isEmpty()) {
            all.add(chance.nextInt(all.size() + 1), Schema.create(Schema.Type.NULL));
        }
        return Schema.createUnion(all);
    }

    Schema record(int depth) {
        Schema made = Schema.createRecord(name(), null, null, false);
        open.add(made);
        List<Schema.Field> fields = new ArrayList<>();
        int wanted = chance.nextInt(6);
        for (int number = 0; number < wanted; number++) {
            Schema of = any(depth - 1);
            Object byDefault = chance.nextInt(3) == 0 ? Values.simplest(of) : null;
            Schema.Field field = new Schema.Field("f" + number, of, null, byDefault);
            if (chance.nextInt(4) == 0) {
                field.addAlias("old" + number);
            }
            fields.add(field);
        }
        made.setFields(fields);
        open.remove(made);
        done.add(made);
        return made;
    }
}
