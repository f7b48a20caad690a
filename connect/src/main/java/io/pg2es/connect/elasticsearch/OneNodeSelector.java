package io.pg2es.connect.elasticsearch;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.elasticsearch.client.Node;
import org.elasticsearch.client.NodeSelector;

/**
 * Leaves one node for each request, in turn.
 *
 * <p>The client would send a failed request to the next node by itself: the same version again. If the first node had
 * applied it without telling, the second answer is a conflict, which counts as done although the write may still be lost
 * with the first node. So a failure comes back to the sink, which reads again and asks another node.
 */
final class OneNodeSelector implements NodeSelector {
    private final AtomicInteger turn = new AtomicInteger();

    // One node that was configured twice is equal to itself, and both would be left.
    @SuppressWarnings("ReferenceEquality")
    @Override
    public void select(Iterable<Node> nodes) {
        List<Node> all = new ArrayList<>();
        nodes.forEach(all::add);
        if (all.isEmpty()) {
            return;
        }
        Node chosen = all.get(Math.floorMod(turn.getAndIncrement(), all.size()));
        Iterator<Node> rest = nodes.iterator();
        while (rest.hasNext()) {
            if (rest.next() != chosen) {
                rest.remove();
            }
        }
    }
}
