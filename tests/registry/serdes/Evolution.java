import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/** A wide random schema, and a reader's schema with everything that Avro's resolution allows. */
final class Evolution {
    private static final Schema INT = Schema.create(Schema.Type.INT);
    private static final Schema LONG = Schema.create(Schema.Type.LONG);
    private static final Schema FLOAT = Schema.create(Schema.Type.FLOAT);
    private static final Schema DOUBLE = Schema.create(Schema.Type.DOUBLE);
    private static final Schema STRING = Schema.create(Schema.Type.STRING);
    private static final Schema BYTES = Schema.create(Schema.Type.BYTES);
    private static final Schema NULL = Schema.create(Schema.Type.NULL);

    final Schema writer;
    final Schema reader;
    final Values values;
    private final Random chance;

    Evolution(long seed) {
        chance = new Random(seed);
        values = new Values(chance);
        Schemas schemas = new Schemas(chance);
        List<Schema.Field> written = new ArrayList<>();
        List<Schema.Field> read = new ArrayList<>();
        for (int number = 0; number < 60; number++) {
            Schema of = number % 3 == 0 ? schemas.leaf() : schemas.any(3);
            String name = "f" + number;
            written.add(new Schema.Field(name, of));
            if (chance.nextInt(6) > 0) {
                Schema.Field field = new Schema.Field(chance.nextInt(4) == 0 ? "renamed" + number : name, wider(of));
                if (!field.name().equals(name)) {
                    field.addAlias(name);
                }
                read.add(chance.nextInt(read.size() + 1), field);
            }
        }
        written.add(new Schema.Field("color", symbols("shop.Color", null, "RED", "GREEN", "BLUE")));
        read.add(3, new Schema.Field("color", symbols("shop.Color", "NONE", "NONE", "RED")));
        written.add(new Schema.Field("part", record("shop.Old", List.of(plain("a", INT), plain("b", STRING)))));
        Schema.Field fresh = new Schema.Field("c", LONG, null, -1L);
        Schema renamed = record("shop.New", List.of(plain("b", STRING), fresh, plain("a", DOUBLE)));
        renamed.addAlias("shop.Old");
        read.add(1, new Schema.Field("part", renamed));
        read.addAll(added());
        writer = record("shop.Wide", written);
        reader = record("shop.Wide", read);
    }

    /** A record as the reader's schema has it, by Avro's own library. */
    Object resolved(GenericRecord sent) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
        new GenericDatumWriter<GenericRecord>(writer).write(sent, encoder);
        encoder.flush();
        GenericDatumReader<Object> reading = new GenericDatumReader<>(writer, reader);
        return reading.read(null, DecoderFactory.get().binaryDecoder(bytes.toByteArray(), null));
    }

    /** Fields that the writer does not have: a default of each type. */
    private static List<Schema.Field> added() {
        Schema fixed = Schema.createFixed("shop.Two", null, null, 2);
        Schema inner = record("shop.Inner", List.of(plain("x", LONG), new Schema.Field("y", STRING, null, "why")));
        Schema first = Schema.createUnion(STRING, NULL);
        return List.of(
                new Schema.Field("null", NULL, null, Schema.Field.NULL_DEFAULT_VALUE),
                new Schema.Field("boolean", Schema.create(Schema.Type.BOOLEAN), null, true),
                new Schema.Field("int", INT, null, Integer.MIN_VALUE),
                new Schema.Field("long", LONG, null, Long.MAX_VALUE),
                new Schema.Field("float", FLOAT, null, 0.5f),
                new Schema.Field("double", DOUBLE, null, -1e300),
                new Schema.Field("string", STRING, null, "é\u2028"),
                new Schema.Field("bytes", BYTES, null, "\u0000\u00ffA"),
                new Schema.Field("fixed", fixed, null, "\u0080\u007f"),
                new Schema.Field("enum", symbols("shop.Size", null, "S", "M"), null, "M"),
                new Schema.Field("array", Schema.createArray(INT), null, List.of(1, -1)),
                new Schema.Field("map", Schema.createMap(first), null, Map.of("a", "b")),
                new Schema.Field("record", inner, null, Map.of("x", 5L)),
                new Schema.Field("union", first, null, "first"));
    }

    /** A schema that reads what this one writes. */
    private Schema wider(Schema of) {
        boolean leaf = of.getLogicalType() == null && chance.nextBoolean();
        if (leaf && of.getType() == Schema.Type.INT) {
            return List.of(LONG, FLOAT, DOUBLE).get(chance.nextInt(3));
        }
        if (leaf && of.getType() == Schema.Type.LONG) {
            return List.of(FLOAT, DOUBLE).get(chance.nextInt(2));
        }
        if (leaf && of.getType() == Schema.Type.FLOAT) {
            return DOUBLE;
        }
        if (leaf && of.getType() == Schema.Type.STRING) {
            return BYTES;
        }
        if (of.getType() == Schema.Type.UNION) {
            List<Schema> branches = new ArrayList<>(of.getTypes());
            Collections.shuffle(branches, chance);
            return Schema.createUnion(branches);
        }
        boolean wraps = of.getType() != Schema.Type.NULL && chance.nextInt(3) == 0;
        return wraps ? Schema.createUnion(NULL, of) : of;
    }

    private static Schema symbols(String name, String byDefault, String... symbols) {
        return Schema.createEnum(name, null, null, List.of(symbols), byDefault);
    }

    private static Schema.Field plain(String name, Schema of) {
        return new Schema.Field(name, of);
    }

    private static Schema record(String name, List<Schema.Field> fields) {
        return Schema.createRecord(name, null, null, false, fields);
    }
}
