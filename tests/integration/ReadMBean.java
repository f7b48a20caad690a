import java.io.IOException;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/** Prints the attributes of an MBean, name=value, from those JMX ports where it is: ReadMBean name port… */
class ReadMBean {
    public static void main(String[] arguments) throws Exception {
        ObjectName name = new ObjectName(arguments[0]);
        for (int port = 1; port < arguments.length; port++) {
            print(name, "service:jmx:rmi:///jndi/rmi://127.0.0.1:" + arguments[port] + "/jmxrmi");
        }
    }

    private static void print(ObjectName name, String url) throws Exception {
        try (JMXConnector connector = JMXConnectorFactory.connect(new JMXServiceURL(url))) {
            MBeanServerConnection server = connector.getMBeanServerConnection();
            if (server.isRegistered(name)) {
                for (MBeanAttributeInfo attribute : server.getMBeanInfo(name).getAttributes()) {
                    System.out.println(attribute.getName() + "=" + server.getAttribute(name, attribute.getName()));
                }
            }
        } catch (IOException absent) {
            // This worker does not run.
        }
    }
}
