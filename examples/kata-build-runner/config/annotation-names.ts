/** A build chooses its executor by it, as in Screwdriver. */
export const executorAnnotation = 'screwdriver.cd/executor'
/** A build asks for a docker daemon by it, as in Screwdriver: `"true"`. */
export const dockerAnnotation = 'screwdriver.cd/dockerEnabled'
export const kernelParametersAnnotation = 'io.katacontainers.config.hypervisor.kernel_params'
