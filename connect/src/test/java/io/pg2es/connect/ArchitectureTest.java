package io.pg2es.connect;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Which package may know which; the drawing is in the docstring of {@code io.pg2es.connect}. */
class ArchitectureTest {
    private static final String CONNECTOR = "io.pg2es.connect";

    /** From the top to the bottom: a package knows those of the floors below its own, and none beside it. */
    private static final List<List<String>> FLOORS = List.of(
            List.of(CONNECTOR),
            List.of(inside("topics")),
            List.of(inside("refresh")),
            List.of(inside("records")),
            List.of(inside("postgres"), inside("elasticsearch")),
            List.of(inside("documents"), inside("generation"), inside("deadletters")),
            List.of(inside("config"), inside("retry"), inside("metrics")));

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages(CONNECTOR);

    private static String inside(String name) {
        return CONNECTOR + "." + name;
    }

    @Test
    void aPackageKnowsOnlyThoseBelowIt() {
        List<String> aboveOrBeside = new ArrayList<>();
        for (List<String> floor : FLOORS) {
            aboveOrBeside.addAll(floor);
            for (String name : floor) {
                List<String> forbidden = new ArrayList<>(aboveOrBeside);
                forbidden.remove(name);
                noClasses()
                        .that()
                        .resideInAPackage(name)
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(forbidden.toArray(new String[0]))
                        .check(CLASSES);
            }
        }
    }

    @Test
    void noPackageKnowsItselfThroughAnother() {
        slices().matching(CONNECTOR + ".(**)").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void everyPackageHasItsFloor() {
        assertThat(CLASSES.stream().map(JavaClass::getPackageName).collect(Collectors.toSet()))
                .containsExactlyInAnyOrderElementsOf(
                        FLOORS.stream().flatMap(List::stream).toList());
    }
}
