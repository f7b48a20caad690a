import java.util.Arrays;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

/** Prints the codes of the errors after which Kafka's own client tries again. */
class Retriable {
    public static void main(String[] none) {
        Arrays.stream(Errors.values())
                .filter(error -> error.exception() instanceof RetriableException)
                .forEach(error -> System.out.println(error.code()));
    }
}
