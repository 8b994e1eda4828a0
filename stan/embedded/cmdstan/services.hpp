#ifndef EMBEDDED_CMDSTAN_SERVICES_HPP
#define EMBEDDED_CMDSTAN_SERVICES_HPP

/// One function a method. Each returns 0, or another number where the service reported a failure,
/// and throws on a mistake of the user's. They are defined in one header each and compiled in three
/// translation units, so that two processors build them in the time of about one and a half.
namespace embedded {

class Session;
struct OutputArguments;

int sample(Session& session);
int optimize(Session& session);
int variational(Session& session);
int diagnose(Session& session);
int generate_quantities(Session& session);
int pathfinder(Session& session);
int log_prob(Session& session);
int laplace(Session& session);

/// Writes what the model's profile statements measured, if it has any.
void write_profile(const OutputArguments& output);

}  // namespace embedded

#endif
