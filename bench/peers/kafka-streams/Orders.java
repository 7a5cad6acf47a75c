import java.io.IOException;

/** What the job order-status does with a value of some format. */
interface Orders<T> {
    /** The order that a value is. */
    T read(byte[] value) throws IOException;

    String status(T order);

    /** The new value: the address masked, the total added, the note removed. */
    byte[] enrich(T order);
}
